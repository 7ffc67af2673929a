"""Overload: what becomes of goodput, of accepted requests, of refusals and of memory at a multiple of the capacity. Pure."""

GOODPUT = 90        # % of the peak, at least
ACCEPTED = 2.5      # times the p99 at 80 % of the capacity, at most
REFUSED = 20        # ms, p99, at most
GROWTH = 64         # MB, at most
RECOVERY = 2        # s, at most
SLICE = 0.25        # s, as courier-bench has them
NOTHING = 5         # ms: a p99 below it is as before in any case


def well(phase, calm_p99):
    """Of each slice: nothing was refused or failed, and p99 was within the gate."""
    return [not s["refused"] and not s["failed"] and s["p99"] <= max(ACCEPTED * calm_p99, NOTHING) for s in phase["slices"]]


def recovery(phase, calm_p99):
    """Seconds of a phase until a whole second is well; None: none was."""
    slices, second = well(phase, calm_p99), round(1 / SLICE)
    return next((SLICE * i for i in range(len(slices) - second + 1) if all(slices[i:i + second])), None)


def share(phase, calm_p99):
    """% of the slices that are well."""
    slices = well(phase, calm_p99)
    return round(100 * sum(slices) / max(1, len(slices)), 1)


def figures(capacity, factor, result, growth):
    """Of a load of three phases: 80 % of the capacity, `factor` times it, 80 % again."""
    calm, over, after = result["phases"]
    return {"factor": factor, "capacity": round(capacity), "asked": over["rate"], "seconds": over["seconds"],
            "goodput": round(over["goodput"]), "goodput_percent": round(100 * over["goodput"] / capacity, 1),
            "calm_p99_ms": calm["well"]["p99"], "accepted_p99_ms": over["well"]["p99"],
            "accepted_ratio": round(over["well"]["p99"] / calm["well"]["p99"], 2) if calm["well"]["p99"] else None,
            "refused": over["refused"]["count"], "refused_p50_ms": over["refused"]["p50"], "refused_p99_ms": over["refused"]["p99"],
            "failed": sum(over["failed"].values()), "growth_megabytes": round(growth, 1),
            "recovery_seconds": recovery(after, calm["well"]["p99"]),
            "well_percent": [share(phase, calm["well"]["p99"]) for phase in (calm, after)]}


def verdicts(found):
    """[(gate, measured, wanted, kept)] of one overload."""
    again = found["recovery_seconds"]
    return [("goodput, % of the peak", found["goodput_percent"], f">= {GOODPUT}", found["goodput_percent"] >= GOODPUT),
            ("accepted p99 / p99 at 80 %", found["accepted_ratio"], f"<= {ACCEPTED}", (found["accepted_ratio"] or 99) <= ACCEPTED),
            ("refused p99, ms", found["refused_p99_ms"], f"<= {REFUSED}", found["refused_p99_ms"] <= REFUSED),
            ("memory grows by, MB", found["growth_megabytes"], f"<= {GROWTH}", found["growth_megabytes"] <= GROWTH),
            ("a second as before after, s", "never" if again is None else again, f"<= {RECOVERY}", again is not None and again <= RECOVERY)]
