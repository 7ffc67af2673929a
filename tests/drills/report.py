"""The table that hack/drill ends with: what somebody reads at night. Its rows are those of the acceptance table, in its order; what
courier's drills have beyond it comes after them. Pure."""

ACCEPTANCE = ("stateless", "hung pod", "zero downtime", "overload", "isolation", "deadlines", "retries", "idempotency", "workers", "broker",
              "caches", "database failover", "health", "observability", "hostile input", "fault guard", "canary fit")
PATTERNS = (*ACCEPTANCE, "partition", "locks", "migration", "resources", "clock", "the rule itself")
# What one machine without a cluster cannot show, or a unit test shows better: (pattern, what, where).
ELSEWHERE = (("hung pod", "restarted by liveness", "tests/courier/cluster/run"),
             ("zero downtime", "both sides of a migration, on both schemas", "sample-service/store/migration_test.cpp"),
             ("observability", "trace from edge to receiver", "sample-service/service/service_telemetry_test.cpp"),
             ("fault guard", "no fault in the released image", "tests/courier/cluster/run"),
             ("canary fit", "rolled back, or promoted 10 of 10", "tests/courier/cluster/run"))
WIDEST = 100  # characters of what was measured
HEADER = ("pattern", "drill", "measured", "gate", "verdict")


def place(result):
    """What results are sorted by. A pattern that is not known comes first, to be seen."""
    return (PATTERNS.index(result["pattern"]) if result["pattern"] in PATTERNS else -1, result["name"])


def lines_of(result):
    """A line for each gate that the drill is about; what is wanted of all is one line, unless some of it is broken."""
    must_break, lines, always = result.get("must_break", []), [], []
    for gate in result["gates"]:
        name, broken = gate["gate"], not gate["holds"]
        wanted = f"{gate['wanted']}{' must break' if name in must_break else ''}"
        if gate.get("always") and not broken and name not in must_break:
            always.append(f"{name} {gate['measured']}")
        else:
            good = broken == (name in must_break)
            pairs = f", the median of {', '.join(str(one) for one in gate['each'])}" if gate.get("each") else ""
            lines.append((shortened(f"{name} {gate['measured']}{pairs}"), wanted, "" if good else "<-- BROKEN"))
    if always:
        lines.append((", ".join(always), "as in all drills", ""))
    return lines or [(shortened(result["why"]), "", "")]


def shortened(text):
    """With its end, where messages have their reason."""
    return text if len(text) <= WIDEST else f"{text[:WIDEST // 3]} ... {text[WIDEST // 3 + 5 - WIDEST:]}"


def most(results, figure):
    """(the largest value of a figure, the drill it is of); (None, "") if nobody measured it."""
    found = [(result["figures"][figure], result["name"]) for result in results if result["figures"].get(figure) is not None]
    return max(found, default=(None, ""))


def observability(results):
    """The row of the acceptance table that is about all drills. None without any that was held."""
    held = [result for result in results if result.get("figures")]
    alerts = [gate for result in held for gate in result["gates"] if gate["gate"] == "alert"]
    if not held:
        return None
    missing = sum(not gate["holds"] for gate in alerts)
    series, unlive = most(held, "series"), most(held, "unlive")
    dead = [gate for result in held for gate in result["gates"] if gate["gate"] == "unlive" and not gate["holds"]]
    gates = [{"gate": "alerts that did not come within 60 s:", "measured": f"{missing} of {len(alerts)}", "wanted": "<= 0",
              "holds": missing == 0},
             {"gate": "series", "measured": f"{series[0]} ({series[1]})", "wanted": "<= 2000", "holds": series[0] <= 2000},
             {"gate": "unlive", "measured": unlive[0], "wanted": "<= 0, or what the drill allows", "holds": not dead}]
    gated = [gate for result in held for gate in result["gates"] if gate["gate"] == "histogram_buckets_off"]
    if gated:
        gates.append({**gated[0], "gate": "p99 of the histogram, buckets from the clients':"})
    return {"name": "(all of them)", "pattern": "observability", "gates": gates,
            "verdict": "passed" if all(gate["holds"] for gate in gates) else "failed", "why": ""}


def rows(results, whole):
    """[{pattern, drill, measured, gate, verdict}]: a row for each line of the table. whole: with what is shown elsewhere."""
    everything = [*results, *([observability(results)] if observability(results) else [])]
    found = []
    for pattern in sorted({result["pattern"] for result in everything} | ({row[0] for row in ELSEWHERE} if whole else set()),
                          key=lambda pattern: place({"pattern": pattern, "name": ""})):
        for result in sorted((one for one in everything if one["pattern"] == pattern), key=place):
            for measured, wanted, mark in lines_of(result):
                found.append({"pattern": pattern, "drill": result["name"], "measured": measured, "gate": wanted,
                              "verdict": " ".join(word for word in (result["verdict"].upper(), mark) if word)})
        found += [{"pattern": of, "drill": "-", "measured": what, "gate": where, "verdict": "SHOWN ELSEWHERE"}
                  for of, what, where in ELSEWHERE if whole and of == pattern]
    return found


def table(found):
    """As text. What a row has in common with the one above it is left out, but for a mark."""
    lines, above = [HEADER], None
    for row in found:
        same = above and (above["pattern"], above["drill"]) == (row["pattern"], row["drill"])
        mark = row["verdict"].partition(" <-- ")[2]
        lines.append(("" if same else row["pattern"], "" if same and row["drill"] != "-" else row["drill"], row["measured"], row["gate"],
                      (f"<-- {mark}" if mark else "") if same and row["drill"] != "-" else row["verdict"]))
        above = row
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def markdown(found):
    """For documents: a line for each drill; what is as in all drills is left out while it holds."""
    lines, drills = ["| pattern | drill | measured (gate) | verdict |", "|---|---|---|---|"], {}
    for row in found:
        if row["gate"] != "as in all drills" and row["drill"] != "-":
            drills.setdefault((row["pattern"], row["drill"]), []).append(row)
    for (pattern, drill), rows_of in drills.items():
        measured = "; ".join(f"{row['measured']} ({row['gate']})".replace("|", "/") for row in rows_of)
        broken = [row["measured"].split()[0] for row in rows_of if " <-- " in row["verdict"]]
        verdict = rows_of[0]["verdict"].partition(" <-- ")[0].lower() + (f": {', '.join(broken)}" if broken else "")
        lines.append(f"| {pattern} | {drill} | {measured} | {verdict} |")
    return "\n".join(lines)
