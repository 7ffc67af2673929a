"""Latency in the fault beside latency without it, in pairs of periods that take turns. Pure.

A machine that is busy for some seconds makes one p99 twice another one without any fault. So a drill whose gate is a ratio of p99s
names `pairs: 3`: its faults begin and end three times, each time is compared with the calm before it, and the gate is on the median of
the three ratios. The first second after each switch counts for neither side. A period with fewer than 600 good answers has no p99, and
then the ratio was not measured.

  p99_ratio         all requests
  read_p99_ratio    the reads among them
  soon_p99_ratio    the first 5 s of the fault, its beginning included
  then_p99_ratio    what is after these

Each has its three ratios beside it, as p99_ratios and so on.
"""
import statistics

from quantile import quantile

APART = 2.5   # s: faults with a shorter calm between them are one period
CUT = 1.0     # s after each switch that count for neither side
SOON = 5.0    # s
LEAST = 600   # answers of a period


def p99(requests):
    """Seconds; of those that were answered well. None without any."""
    times = [request.seconds for request in requests if request.ok]
    return quantile(times, 0.99) if times else None


def spans(faults):
    """The periods [(begin, end)] that faults, which may overlap, make."""
    merged = []
    for begin, end in sorted(faults):
        if merged and begin - merged[-1][1] < APART:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def calms(periods, since):
    """The calm before each period, without its first second. since: when the first one begins."""
    begins = [since, *(end for _, end in periods)]
    return [(begin + CUT, period[0]) for begin, period in zip(begins, periods)]


def ratio(requests, calm, fault):
    """p99 in the fault by p99 in the calm; None if either has too few answers."""
    found = []
    for begin, end in (calm, fault):
        within = [request for request in requests if request.ok and begin <= request.sent < end]
        if len(within) < LEAST:
            return None
        found.append(p99(within))
    return round(found[1] / found[0], 2)


def median(ratios):
    """None if one of them is missing: what was not measured must not be outvoted."""
    return None if None in ratios or not ratios else round(statistics.median(ratios), 2)


def ratios(requests, periods, since=0.0):
    """{gate: median, gate + "s": [each]} of the four above."""
    reads = [request for request in requests if request.kind == "read"]
    forms = {"p99_ratio": (requests, [(begin + CUT, end) for begin, end in periods]),
             "read_p99_ratio": (reads, [(begin + CUT, end) for begin, end in periods]),
             "soon_p99_ratio": (requests, [(begin, min(begin + SOON, end)) for begin, end in periods]),
             "then_p99_ratio": (requests, [(begin + SOON, end) for begin, end in periods])}
    figures = {}
    for name, (of, faults) in forms.items():
        each = [ratio(of, calm, fault) for calm, fault in zip(calms(periods, since), faults)]
        figures[name], figures[f"{name}s"] = median(each), each
    return figures
