"""The table that hack/drill ends with: what somebody reads at night, in the order of the acceptance table. Pure."""

PATTERNS = ("stateless", "hung pod", "zero downtime", "overload", "isolation", "deadlines", "retries", "idempotency", "workers", "broker",
            "caches", "database failover", "partition", "locks", "migration", "health", "hostile input", "resources", "clock",
            "the rule itself")
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
            lines.append((shortened(f"{name} {gate['measured']}"), wanted, "" if good else "<-- BROKEN"))
    if always:
        lines.append((", ".join(always), "as in all drills", ""))
    return lines or [(shortened(result["why"]), "", "")]


def shortened(text):
    """With its end, where messages have their reason."""
    return text if len(text) <= WIDEST else f"{text[:WIDEST // 3]} ... {text[WIDEST // 3 + 5 - WIDEST:]}"


def table(results):
    rows = [HEADER]
    for result in results:
        for number, (measured, wanted, mark) in enumerate(lines_of(result)):
            first = number == 0
            verdict = " ".join(word for word in (result["verdict"].upper() if first else "", mark) if word)
            rows.append((result["pattern"] if first else "", result["name"] if first else "", measured, wanted, verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)
