"""What was measured in a drill, and whether its gates hold. Pure: requests, times and a verdict in, figures out."""
import math

MOST = ("lost", "unexpected", "stored_twice", "errors_percent", "late_percent", "p99_ratio", "read_p99_ratio", "recovery_seconds",
        "settle_seconds", "p99_recovery_seconds", "closed_seconds", "bad_exits", "unlive", "early_alerts", "series", "sheds",
        "lag_seconds", "extra_lag_seconds", "redelivery_seconds", "bodies_differ", "mismatches_taken", "race_late", "race_unanswered",
        "stale_seconds", "editor_errors", "hot_key_reads_share", "calls_per_job", "accept_seconds", "hostile_taken", "canary_ready")
LEAST = ("goodput_share", "reads_ok_in_fault_percent", "requests_in_fault", "repeated", "conflicts", "stale_loans",
         "stale_refused_percent", "edits", "budget_exhausted", "replays", "refused_while_full")
TEXT = ("problem",)  # must contain these words
ALWAYS = {"lost": 0, "unexpected": 0, "stored_twice": 0, "unlive": 0, "early_alerts": 0, "series": 2000}


def p99(requests):
    """Seconds; of those that were answered well. None without any."""
    times = sorted(request.seconds for request in requests if request.ok)
    return times[max(0, math.ceil(len(times) * 0.99) - 1)] if times else None


def percent(part, whole):
    return round(100 * part / whole, 3) if whole else 0.0


def calm_again(requests, end, baseline, last):
    """Seconds from the end of the fault until p99 stays within 1.5 times the baseline for 5 s; None if never seen."""
    for step in range(int(2 * max(0, last - 5 - end)) + 1):
        begin = end + step / 2
        window = [request for request in requests if begin <= request.sent < begin + 5]
        now = p99(window)
        if now is not None and now <= 1.5 * baseline and all(request.ok for request in window):
            return step / 2
    return None


def measure(requests, begin, end, seconds, verdict):
    before = [request for request in requests if request.sent < begin]
    during = [request for request in requests if begin <= request.sent < end]
    failed = [request for request in requests if not request.ok]
    base, fault = p99(before), p99(during)
    read_before, read_during = ([r for r in several if r.kind == "read"] for several in (before, during))
    read_base, read_fault = p99(read_before), p99(read_during)
    good = {"before": sum(r.ok for r in before) / max(begin, 0.001), "during": sum(r.ok for r in during) / max(end - begin, 0.001)}
    return {
        "requests": len(requests), "errors_percent": percent(len(failed), len(requests)),
        "raw_errors_percent": percent(sum(1 for r in requests if not r.ok or r.retried), len(requests)),
        "ok_in_fault_percent": percent(sum(r.ok for r in during), len(during)),
        "requests_in_fault": len(during), "sheds": sum(r.shed for r in requests), "conflicts": sum(r.conflict for r in requests),
        "reads_ok_in_fault_percent": percent(sum(r.ok for r in read_during), len(read_during)),
        "read_p99_ratio": round(read_fault / read_base, 2) if read_base and read_fault else None,
        "late_percent": percent(sum(r.late for r in requests), len(requests)),
        "p99_before_ms": base and round(base * 1000, 1), "p99_in_fault_ms": fault and round(fault * 1000, 1),
        "p99_ratio": round(fault / base, 2) if base and fault else None,
        "recovery_seconds": round(max([0.0, *(r.sent + r.seconds - end for r in failed if r.sent >= end)]), 2),
        "p99_recovery_seconds": calm_again(requests, end, base, seconds) if base else None,
        "goodput_share": round(good["during"] / good["before"], 3) if good["before"] else None,
        "acknowledged": verdict.acknowledged, "lost": len(verdict.lost), "unexpected": len(verdict.unexpected),
        "stored_twice": len(verdict.stored_twice), "recovered": verdict.recovered, "repeated": verdict.repeated,
        "reasons": reasons(failed)}


def measure_lags(lags, begin, end):
    """Of deliveries: {key: (acknowledged at, seconds)}, in the fault and beyond what was usual before it."""
    before = sorted(lag for time, lag in lags.values() if time < begin)
    during = [lag for time, lag in lags.values() if begin <= time < end]
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
            rows.append((gate, ", ".join(figures["alerts"]) or "none", ", ".join(wanted), set(wanted) <= set(figures["alerts"])))
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
