#!/usr/bin/env python3
"""Ratios of p99s: a machine that is busy for a while does not decide, a fault does, and what was not measured is not outvoted."""
import tempfile
import unittest

import drill
import pairs
from clients import Request
from world import Trouble

THREE = [(10, 20), (30, 40), (50, 60)]


def load(*slow, seconds=60, rate=100, kind="read"):
    """Requests of 10 ms; slow: (begin, end, seconds) where they take longer."""
    requests = []
    for number in range(seconds * rate):
        sent = number / rate
        took = next((took for begin, end, took in slow if begin <= sent < end), 0.010)
        requests.append(Request(sent, took, True, kind=kind))
    return requests


class Ratios(unittest.TestCase):
    def test_each_fault_is_compared_with_the_calm_before_it(self):
        self.assertEqual(pairs.calms(THREE, 0), [(1, 10), (21, 30), (41, 50)])
        figures = pairs.ratios(load((10, 20, 0.02), (30, 40, 0.03), (50, 60, 0.04)), THREE)
        self.assertEqual((figures["p99_ratio"], figures["p99_ratios"]), (3.0, [2.0, 3.0, 4.0]))

    def test_a_machine_that_is_busy_once_does_not_decide(self):
        self.assertEqual(pairs.ratios(load((12, 18, 0.5)), THREE)["p99_ratio"], 1.0)  # in a fault
        self.assertEqual(pairs.ratios(load((22, 28, 0.5), (10, 20, 0.02), (30, 40, 0.02), (50, 60, 0.02)), THREE)["p99_ratio"], 2.0)

    def test_the_seconds_after_a_switch_count_for_neither_side(self):
        edges = [(edge, edge + 1, 0.5) for edge in (0, 10, 20, 30, 40, 50)]
        self.assertEqual(pairs.ratios(load(*edges), THREE)["p99_ratios"], [1.0, 1.0, 1.0])

    def test_the_first_seconds_and_what_comes_after_them(self):
        slow = [(begin, begin + 5, 0.03) for begin, _ in THREE]
        figures = pairs.ratios(load(*slow, rate=150), THREE)
        self.assertEqual((figures["soon_p99_ratio"], figures["then_p99_ratio"], figures["p99_ratio"]), (3.0, 1.0, 3.0))

    def test_reads_by_themselves(self):
        requests = load(rate=100) + load((10, 20, 0.5), (30, 40, 0.5), (50, 60, 0.5), kind="write")
        figures = pairs.ratios(requests, THREE)
        self.assertEqual((figures["read_p99_ratio"], figures["p99_ratio"]), (1.0, 50.0))

    def test_too_few_answers_are_no_p99_and_the_others_do_not_outvote_it(self):
        requests = [request for request in load() if not 30 <= request.sent < 35]
        self.assertEqual(pairs.ratios(requests, THREE)["p99_ratios"], [1.0, None, 1.0])
        self.assertIsNone(pairs.ratios(requests, THREE)["p99_ratio"])
        failed = load()
        for request in failed:
            request.ok = not 30 <= request.sent < 35
        self.assertIsNone(pairs.ratios(failed, THREE)["p99_ratio"])

    def test_the_first_calm_begins_when_the_drill_is_warm(self):
        self.assertEqual(pairs.ratios(load((0, 3, 0.5)), THREE, 0)["p99_ratios"][0], 0.02)
        self.assertEqual(pairs.ratios(load((0, 3, 0.5)), THREE, 2)["p99_ratios"][0], 1.0)


class Periods(unittest.TestCase):
    def test_faults_that_overlap_or_nearly_touch_are_one(self):
        self.assertEqual(pairs.spans([(8.5, 19), (8, 8.1), (26, 30), (31, 33)]), [(8, 19), (26, 33)])

    def test_a_calm_that_is_long_enough_parts_them(self):
        self.assertEqual(pairs.spans([(1, 2), (4.5, 5)]), [(1, 2), (4.5, 5)])


class Drill(unittest.TestCase):
    def read(self, more, short=False):
        text = ("{name: x, pattern: broker, topology: {store: sqlite}, load: {rate: 1, seconds: 9}, faults: [{at: 1, flush: redis}], "
                "short: {gates: {lost: 0}}, " + more + "}")
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            return drill.read(file.name, short)

    def test_a_gate_of_a_ratio_needs_pairs(self):
        with self.assertRaisesRegex(Trouble, "then_p99_ratio needs 'pairs: 3'"):
            self.read("gates: {then_p99_ratio: 2}")
        self.assertEqual(self.read("gates: {then_p99_ratio: 2}, pairs: 3")["pairs"], 3)

    def test_no_short_form_is_about_latency(self):
        self.assertNotIn("pairs", self.read("gates: {p99_ratio: 2}, pairs: 3", short=True))

    def test_as_many_periods_as_there_are_to_be_pairs(self):
        class Held:
            begins, ends = [1, 2, 20], [4, 5, 24]
        self.assertEqual(drill.periods({}, Held), [(1, 24)])
        self.assertEqual(drill.periods({"pairs": 2}, Held), [(1, 5), (20, 24)])
        with self.assertRaisesRegex(Trouble, "3 are wanted, but the faults made 2"):
            drill.periods({"pairs": 3}, Held)


if __name__ == "__main__":
    unittest.main()
