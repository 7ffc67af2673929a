"""What was measured in a drill, and whether its gates hold. Pure: requests, times and a verdict in, figures out."""
import math

import pairs
from pairs import p99
from quantile import quantile

ALERT_WITHIN = 60  # s from the fault until its alert must have fired
MOST = ("lost", "unexpected", "stored_twice", "errors_percent", "late_percent", "p99_ratio", "read_p99_ratio", "recovery_seconds",
        "settle_seconds", "p99_recovery_seconds", "closed_seconds", "bad_exits", "unlive", "early_alerts", "series", "sheds",
        "lag_seconds", "extra_lag_seconds", "redelivery_seconds", "bodies_differ", "mismatches_taken", "race_late", "race_unanswered",
        "stale_seconds", "editor_errors", "hot_key_reads_share", "calls_per_job", "accept_seconds", "hostile_taken", "canary_ready",
        "soon_p99_ratio", "then_p99_ratio", "p99_back_seconds", "reject_p99_ms", "delivered_again", "exit_seconds", "unready",
        "memory_growth_mb", "pool_connections", "histogram_buckets_off", "queries_after_expiry", "jitter_distance")
LEAST = ("goodput_share", "reads_ok_in_fault_percent", "requests_in_fault", "repeated", "conflicts", "stale_loans",
         "stale_refused_percent", "edits", "budget_exhausted", "replays", "refused_while_full", "greedy_shed_percent",
         "goodput_of_peak_percent", "tokens_valid_percent", "cached_reads_ok_percent", "queries_seen", "waits_seen")
TEXT = ("problem",)  # must contain these words
ALWAYS = {"lost": 0, "unexpected": 0, "stored_twice": 0, "unlive": 0, "bad_exits": 0, "early_alerts": 0, "series": 2000}


def percent(part, whole):
    return round(100 * part / whole, 3) if whole else 0.0


def calm_again(requests, since, baseline, last):
    """Seconds from then until p99, in which a failure is no better than any time, stays within 1.5 times the baseline for 5 s; None if
    never seen."""
    for step in range(int(2 * max(0, last - 5 - since)) + 1):
        begin = since + step / 2
        window = [r.seconds if r.ok else math.inf for r in requests if begin <= r.sent < begin + 5]
        if window and quantile(window, 0.99) <= 1.5 * baseline:
            return step / 2
    return None


def within(requests, periods):
    return [request for request in requests if any(begin <= request.sent < end for begin, end in periods)]


def goodput(requests, periods):
    """Good answers a second to what was sent in these periods."""
    return sum(request.ok for request in within(requests, periods)) / max(sum(end - begin for begin, end in periods), 0.001)


def recovery(failed, spans):
    """The longest time from the end of a fault until the last failure was known of what was sent after it; what was known after the next
    one had begun is of that one."""
    found = [0.0]
    for (_, end), (following, _) in zip(spans, [*spans[1:], (math.inf, 0)]):
        found += [request.sent + request.seconds - end for request in failed
                  if end <= request.sent and request.sent + request.seconds < following]
    return round(max(found), 2)


def in_ms(seconds):
    return seconds and round(seconds * 1000, 1)


def measure(requests, spans, seconds, verdict, paired=False, warm=0.0):
    """spans: the periods of the fault. What is before the first one is from `warm` on. paired: ratios of p99s are medians (pairs.py)."""
    begin, end = spans[0][0], spans[-1][1]
    before, during = within(requests, [(warm, begin)]), within(requests, spans)
    failed = [request for request in requests if not request.ok]
    base, fault = p99(before), p99(during)
    reads = [r for r in during if r.kind == "read"]
    usual = goodput(requests, [(warm, begin)])
    refused = [request.seconds for request in failed if request.shed]
    return {
        "requests": len(requests), "errors_percent": percent(len(failed), len(requests)),
        "raw_errors_percent": percent(sum(1 for r in requests if not r.ok or r.retried), len(requests)),
        "ok_in_fault_percent": percent(sum(r.ok for r in during), len(during)),
        "requests_in_fault": len(during), "sheds": sum(r.shed for r in requests), "conflicts": sum(r.conflict for r in requests),
        "reads_ok_in_fault_percent": percent(sum(r.ok for r in reads), len(reads)),
        "late_percent": percent(sum(r.late for r in requests), len(requests)),
        "p99_before_ms": in_ms(base), "p99_in_fault_ms": in_ms(fault),
        "p99_ratio": round(fault / base, 2) if base and fault else None,
        **(pairs.ratios(requests, spans, warm) if paired else {}),
        "reject_p99_ms": in_ms(quantile(refused, 0.99)) if refused else None,
        "recovery_seconds": recovery(failed, spans),
        "p99_back_seconds": calm_again(requests, begin, base, seconds) if base else None,
        "p99_recovery_seconds": calm_again(requests, end, base, seconds) if base else None,
        "goodput_share": round(goodput(requests, spans) / usual, 3) if usual else None,
        "acknowledged": verdict.acknowledged, "lost": len(verdict.lost), "unexpected": len(verdict.unexpected),
        "stored_twice": len(verdict.stored_twice), "recovered": verdict.recovered, "repeated": verdict.repeated,
        "delivered_again": verdict.repeated,
        "tokens_valid_percent": percent(sum(not r.unauthorized for r in requests), len(requests)), "reasons": reasons(failed)}


def measure_lags(lags, spans):
    """Of deliveries: {key: (acknowledged at, seconds)}, in the fault and beyond what was usual before it."""
    before = sorted(lag for time, lag in lags.values() if time < spans[0][0])
    during = [lag for time, lag in lags.values() if any(begin <= time < end for begin, end in spans)]
    usual = before[len(before) // 2] if before else 0.0
    return {"lag_before_ms": round(usual * 1000, 1), "lag_seconds": round(max(during), 2) if during else None,
            "extra_lag_seconds": round(max(during) - usual, 2) if during else None}


def reasons(failed):
    found = {}
    for request in failed:
        found[request.why] = found.get(request.why, 0) + 1
    return found


def judge(figures, gates):
    """[(gate, measured, limit, holds)]; what was not measured does not hold. Unknown gates are a ValueError."""
    rows = []
    wanted = gates.get("alert", [])
    wanted = wanted if isinstance(wanted, list) else [wanted]
    for gate, limit in {**ALWAYS, **gates}.items():
        if gate == "alert":
            after = figures["alert_seconds"]
            rows.append((gate, ", ".join(f"{rule} {seconds} s" for rule, seconds in after.items()) or "none",
                         f"{', '.join(wanted)} <= {ALERT_WITHIN} s", all(after.get(rule, math.inf) <= ALERT_WITHIN for rule in wanted)))
        elif gate == "alert_within":  # s after the fault began, of the last of those that are wanted
            times = [figures["alert_seconds"].get(rule) for rule in wanted]
            value = max(times) if times and None not in times else None
            rows.append((gate, value, f"<= {limit}", value is not None and value <= limit))
        elif gate in TEXT:
            rows.append((gate, figures.get(gate), f"has '{limit}'", limit in (figures.get(gate) or "")))
        elif gate in LEAST:
            value = figures.get(gate)
            rows.append((gate, value, f">= {limit}", value is not None and value >= limit))
        elif gate in MOST:
            value = figures.get(gate)
            rows.append((gate, value, f"<= {limit}", value is not None and value <= limit))
        else:
            raise ValueError(f"gates: there is no gate '{gate}': choose from alert, alert_within, "
                             f"{', '.join([*MOST, *LEAST, *TEXT])}")
    return rows
