#!/usr/bin/env python3
"""Figures of requests that are written down here, gates that hold and that do not, and alerts on scrapes."""
import unittest

import alerts
import gates
import history
from clients import Request

VERDICT = history.Verdict(10, [], [], 0, [], 0)


def steady(begin, end, seconds=0.01, ok=True, rate=100):
    return [Request(begin + n / rate, seconds, ok) for n in range(int((end - begin) * rate))]


class Figures(unittest.TestCase):
    def test_the_fault_is_compared_with_what_was_before(self):
        requests = steady(0, 5) + steady(5, 7, 0.04) + steady(7, 8, 1, ok=False) + steady(8, 20)
        figures = gates.measure(requests, [(5, 8)], 20, VERDICT)
        self.assertEqual((figures["p99_ratio"], figures["errors_percent"]), (4.0, 5.0))
        self.assertAlmostEqual(figures["goodput_share"], 2 / 3, 2)
        self.assertEqual(figures["p99_recovery_seconds"], 0)

    def test_recovery_lasts_until_the_last_failure_was_known(self):
        requests = steady(0, 5) + steady(5, 6, ok=False) + steady(6, 7.5, 0.5, ok=False) + steady(7.5, 20)
        figures = gates.measure(requests, [(5, 6)], 20, VERDICT)
        self.assertAlmostEqual(figures["recovery_seconds"], 1.99, 2)
        self.assertEqual(figures["p99_recovery_seconds"], 1.5)

    def test_reads_are_looked_at_by_themselves(self):
        requests = steady(0, 10)
        for n, request in enumerate(requests):
            request.kind, request.ok = "read" if n % 2 else "write", n % 2 == 1 or request.sent < 5
        figures = gates.measure(requests, [(5, 6)], 10, VERDICT)
        self.assertEqual((figures["reads_ok_in_fault_percent"], figures["ok_in_fault_percent"]), (100.0, 50.0))
        self.assertEqual(figures["requests_in_fault"], 100)

    def test_every_gate_but_alert_is_a_figure_that_is_measured(self):
        # drill.py, faults.py and what faults.py calls
        elsewhere = {"settle_seconds", "closed_seconds", "bad_exits", "unlive", "unready", "early_alerts", "series", "redelivery_seconds",
                     "bodies_differ", "mismatches_taken", "race_late", "race_unanswered", "replays", "stale_seconds", "editor_errors",
                     "edits", "hot_key_reads_share", "calls_per_job", "budget_exhausted", "accept_seconds", "hostile_taken",
                     "canary_ready", "stale_loans", "stale_refused_percent", "refused_while_full", "exit_seconds", "memory_growth_mb",
                     "pool_connections", "histogram_buckets_off", "queries_after_expiry", "queries_seen", "greedy_shed_percent",
                     "goodput_of_peak_percent", "cached_reads_ok_percent", "jitter_distance",
                     "waits_seen"}
        figures = {**gates.measure(steady(0, 20), [(5, 6)], 20, VERDICT, paired=True), **gates.measure_lags({"a": (5.5, 1)}, [(5, 6)])}
        self.assertEqual({*gates.MOST, *gates.LEAST} - set(figures) - elsewhere, set())

    def test_what_was_refused_for_now_counts_though_a_second_try_was_taken(self):
        requests = steady(0, 10)
        requests[600].shed = requests[700].conflict = True
        figures = gates.measure(requests, [(5, 6)], 10, VERDICT)
        self.assertEqual((figures["sheds"], figures["conflicts"], figures["errors_percent"]), (1, 1, 0.0))

    def test_a_token_that_one_try_was_refused_counts_though_another_was_taken(self):
        requests = steady(0, 10)
        requests[600].unauthorized = True
        self.assertEqual(gates.measure(requests, [(5, 6)], 10, VERDICT)["tokens_valid_percent"], 99.9)

    def test_lags_count_when_they_began_in_the_fault(self):
        lags = {"a": (1, 0.1), "b": (2, 0.3), "c": (3, 0.2), "d": (5.5, 1.2), "e": (7, 9)}
        self.assertEqual(gates.measure_lags(lags, [(5, 6)]), {"lag_before_ms": 200.0, "lag_seconds": 1.2, "extra_lag_seconds": 1.0})
        self.assertIsNone(gates.measure_lags({"a": (1, 0.1)}, [(5, 6)])["lag_seconds"])

    def test_slow_for_ever_is_no_recovery(self):
        self.assertIsNone(gates.measure(steady(0, 5) + steady(5, 20, 0.02), [(5, 6)], 20, VERDICT)["p99_recovery_seconds"])

    def test_p99_is_back_counts_from_the_fault_and_one_failure_in_a_hundred_is_no_p99(self):
        requests = steady(0, 5) + steady(5, 7, 0.1) + steady(7, 20)
        requests[800].ok = False
        figures = gates.measure(requests, [(5, 10)], 20, VERDICT)
        self.assertEqual((figures["p99_back_seconds"], figures["p99_recovery_seconds"]), (2.0, 0))
        for request in requests[1300:1400]:
            request.ok = False
        self.assertEqual(gates.measure(requests, [(5, 10)], 18, VERDICT)["p99_recovery_seconds"], None)

    def test_several_periods_of_the_fault_each_have_their_recovery(self):
        requests = [*steady(0, 5), *steady(5, 6, ok=False), *steady(6, 6.75, 0.1, ok=False), *steady(6.75, 10), *steady(10, 11, ok=False),
                    *steady(11, 11.25, 0.1, ok=False), *steady(11.25, 20)]
        figures = gates.measure(requests, [(5, 6), (10, 11)], 20, VERDICT)
        self.assertAlmostEqual(figures["recovery_seconds"], 0.84, 2)
        requests[999].ok, requests[999].seconds = False, 0.25  # sent just before the second period, which it failed by
        self.assertAlmostEqual(gates.measure(requests, [(5, 6), (10, 11)], 20, VERDICT)["recovery_seconds"], 0.84, 2)
        self.assertEqual((figures["ok_in_fault_percent"], figures["goodput_share"]), (0.0, 0.0))

    def test_goodput_is_that_of_its_periods_alone(self):
        requests = steady(0, 5, rate=40) + steady(5, 6, ok=False) + steady(6, 10)
        self.assertEqual(gates.goodput(requests, [(0, 2), (4, 5)]), 40)
        self.assertEqual(gates.goodput(requests, [(4, 7)]), 140 / 3)

    def test_what_is_refused_at_once_has_a_p99_of_its_own(self):
        requests = steady(0, 10, 0.4)
        for number in range(600, 800):
            requests[number] = Request(requests[number].sent, 0.003 if number < 798 else 0.25, False, shed=True)
        self.assertEqual(gates.measure(requests, [(5, 6)], 10, VERDICT)["reject_p99_ms"], 3.0)


class Gates(unittest.TestCase):
    good = {"lost": 0, "unexpected": 0, "stored_twice": 0, "unlive": 0, "bad_exits": 0, "early_alerts": 0, "series": 300,
            "alert_seconds": {"NodeDown": 1.5}, "goodput_share": 0.9, "settle_seconds": None, "problem": "503 disk is full"}

    def broken(self, wanted, **changed):
        return [gate for gate, _, _, holds in gates.judge({**self.good, **changed}, wanted) if not holds]

    def test_what_is_always_wanted(self):
        self.assertEqual(self.broken({}), [])
        for gate in gates.ALWAYS:
            self.assertEqual(self.broken({}, **{gate: 3000}), [gate])

    def test_limits_hold_in_their_direction(self):
        self.assertEqual(self.broken({"goodput_share": 0.9}), [])
        self.assertEqual(self.broken({"goodput_share": 0.91}), ["goodput_share"])

    def test_the_alert_must_name_the_cause(self):
        self.assertEqual(self.broken({"alert": "NodeDown"}), [])
        self.assertEqual(self.broken({"alert": "BrokerDown"}), ["alert"])
        self.assertEqual(self.broken({"alert": ["NodeDown", "BrokerDown"]}), ["alert"])

    def test_the_alert_must_come_in_time(self):
        fired = {"alerts": ["NodeDown", "BrokerDown"], "alert_seconds": {"NodeDown": 2.0, "BrokerDown": 7.5}}
        both = ["NodeDown", "BrokerDown"]
        self.assertEqual(self.broken({"alert": "NodeDown", "alert_within": 2}, **fired), [])
        self.assertEqual(self.broken({"alert": both, "alert_within": 8}, **fired), [])
        self.assertEqual(self.broken({"alert": both, "alert_within": 7}, **fired), ["alert_within"])
        self.assertEqual(self.broken({"alert": "NodeHung", "alert_within": 9}, **fired), ["alert", "alert_within"])

    def test_the_alert_must_come_within_a_minute(self):
        self.assertEqual(self.broken({"alert": "NodeDown"}, alert_seconds={"NodeDown": 60}), [])
        self.assertEqual(self.broken({"alert": "NodeDown"}, alert_seconds={"NodeDown": 60.1}), ["alert"])

    def test_a_text_must_contain_what_is_wanted(self):
        self.assertEqual(self.broken({"problem": "disk is full"}), [])
        self.assertEqual(self.broken({"problem": "password"}), ["problem"])
        self.assertEqual(self.broken({"problem": "disk"}, problem=None), ["problem"])

    def test_what_was_not_measured_does_not_hold(self):
        self.assertEqual(self.broken({"settle_seconds": 100}), ["settle_seconds"])
        self.assertEqual(self.broken({"p99_ratio": 100}), ["p99_ratio"])
        with self.assertRaisesRegex(ValueError, "p98"):
            self.broken({"p98": 1})


class Alerts(unittest.TestCase):
    def fired(self, *scrapes):
        watch = alerts.Watch(list, None)
        for time, text in enumerate(scrapes):
            watch.judge("api-1", {"up": text if text in ("refused", "silent") else "ok", "live": 200, "metrics": alerts.parse(text)}, time)
        return watch.fired

    def test_a_rule_must_hold_twice_in_a_row(self):
        self.assertEqual(self.fired("", "refused", "", "refused"), {})
        self.assertEqual(self.fired("", "refused", "refused"), {"NodeDown": 2})
        self.assertEqual(self.fired("", "silent", "silent"), {"NodeHung": 2})

    def test_each_time_at_which_a_rule_holds_is_kept_and_who_was_not_ready(self):
        watch = alerts.Watch(list, None)
        for time, (up, ready) in enumerate([("refused", 0)] * 3 + [("ok", 503), ("ok", 200)]):
            watch.judge("api-1", {"up": up, "live": 200, "ready": ready, "metrics": {}}, time)
        self.assertEqual((watch.times["NodeDown"], watch.unready), ([1, 2], [("api-1", 3, 503)]))

    def test_failures_of_the_database_are_told_from_those_of_others(self):
        of = 'dependency_request_duration_seconds_count{{dependency="{}",op="a",outcome="{}"}} {}\n'.format
        self.assertEqual(self.fired(*(of("database", "failed", n) for n in range(3))), {"DatabaseFailing": 2})
        self.assertEqual(self.fired(*(of("database", "ok", n) for n in range(3))), {})
        self.assertEqual(self.fired(*(of("receiver", "failed", n) for n in range(3))), {})

    def test_series_whose_labels_have_braces_are_counted_too(self):
        text = 'a{route="/v1/messages/{id}",le="0.5"} 3\na{route="/v1/\\"x\\""} 1e3\nb 2\n# HELP c 4\n'
        self.assertEqual(len(alerts.parse(text)), 3)
        self.assertEqual(alerts.total({"metrics": alerts.parse(text)}, "a", "{id}"), 3)

    def test_a_broker_is_down_for_whoever_should_have_one(self):
        self.assertEqual(self.fired("", "", ""), {})
        self.assertEqual(self.fired("broker_up 0", "broker_up 0", "broker_up 1"), {"BrokerDown": 1})
        self.assertEqual(self.fired("broker_up 1", "broker_up 0", "broker_up 0"), {"BrokerDown": 2})


if __name__ == "__main__":
    unittest.main()
