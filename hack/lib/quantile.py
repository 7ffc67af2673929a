"""The one way in which drills and benchmarks say p50 or p99."""
import math


def quantile(values, share):
    """The smallest value that at least that share of them does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
