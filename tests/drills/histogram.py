"""Whether courier's histogram of requests tells the p99 that its clients saw. Pure: scrapes and seconds in."""
import bisect
import math
import re

from quantile import quantile

NAME = "http_request_duration_seconds_bucket"
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def buckets(scrapes):
    """{upper bound: how many good answers took at most so long}, of all nodes."""
    found = {}
    for scrape in scrapes:
        for series, value in scrape.items():
            labels = dict(LABEL.findall(series)) if series.startswith(NAME + "{") else {}
            if labels.get("status", "")[:1] == "2":
                bound = math.inf if labels["le"] == "+Inf" else float(labels["le"])
                found[bound] = found.get(bound, 0) + value
    return found


def apart(scrapes, seconds):
    """How many buckets lie between the histogram's p99 and that of these seconds, which the clients measured; 0: it is the same one."""
    cumulative = sorted(buckets(scrapes).items())
    if not cumulative or not cumulative[-1][1] or not seconds:
        return None
    told = next(number for number, (_, count) in enumerate(cumulative) if count >= 0.99 * cumulative[-1][1])
    seen = quantile(seconds, 0.99)
    return abs(told - bisect.bisect_left([bound for bound, _ in cumulative], seen))
