"""How often the canary judge is wrong, how soon it is right, and what others do in the same simulated traffic.

Canaries as good as their baseline (how often are they rolled back?), bad ones (how soon, compared with what is possible at all, and at
the price of how many failed requests?), and some just at the promotion limit (how often are they promoted?). The traffic is
simulated in tests/bench/judge, which also holds the promises. The whole grid takes hours: it may be interrupted at any time, and the
same command goes on where it stopped. The exit status is 1 if a promise is not kept. docs/benchmarks.md says how to read it.
"""
import glob
import hashlib
import json
import os
import subprocess

import delivery as d
import judge_charts
from figures import Conditions, Report, table

TARGET = "sluice-judge-bench"
PROGRAM = os.path.join(d.TOP, "build/release/tests/bench/judge", TARGET)
CALIBRATED, UNCALIBRATED = "sluice, calibrated", "sluice"
TICK = 15  # seconds
MEAN, WORST = 1.5, 2.0
QUICK = ["--quick", "--runs", "2000", "--detections", "400", "--promotions", "2000", "--replays", "400"]


def options(parser):
    parser.add_argument("--quick", action="store_true", help="24 cells of false rollbacks with 2,000 runs each, 8 of detection and 4 of false "
                        "promotions: minutes instead of hours")
    parser.add_argument("--runs", type=int, default=10000, metavar="N", help="per cell of false rollbacks (default: 10000)")
    parser.add_argument("--minutes", type=float, default=0, metavar="N", help="stop after so many and show what there is (default: to the end)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all random numbers (default: 1)")
    parser.add_argument("--results", metavar="FILE", help="to append to and go on from (default: one in build/bench-judge for this code and seed)")
    parser.add_argument("--cells", action="store_true", help="also a line for each cell")
    parser.add_argument("--charts", metavar="FOLDER", help="draw judge-delay.svg and judge-false-rollbacks.svg there")


def fingerprint():
    """Of all that the results depend on: those of other code are not added up."""
    digest = hashlib.sha256()
    for pattern in ("controller/judge/*", "tests/bench/judge/*"):
        for path in sorted(glob.glob(os.path.join(d.TOP, pattern))):
            if not path.endswith(("_test.cpp", "CMakeLists.txt", "/main.cpp")):
                with open(path, "rb") as file:
                    digest.update(os.path.basename(path).encode() + b"\0" + file.read())
    return digest.hexdigest()[:12]


def measure(chosen):
    folder = os.path.join(d.TOP, "build", "bench-judge")
    os.makedirs(folder, exist_ok=True)
    summary = os.path.join(folder, "summary.json")
    threads = len(os.sched_getaffinity(0))
    command = [PROGRAM, "--out", summary, "--seed", str(chosen.seed), "--threads", str(threads), "--minutes", str(chosen.minutes)]
    if chosen.quick:
        command += QUICK
    else:
        results = chosen.results or os.path.join(folder, f"{fingerprint()}-{chosen.seed}.jsonl")
        d.say(f"results are kept in {os.path.relpath(results, d.TOP)}")
        command += ["--runs", str(chosen.runs), "--results", results]
    conditions = Conditions(d.TOP)
    done = subprocess.run(command, cwd=d.TOP, check=False)
    d.expect(done.returncode == 0, f"{TARGET} ended with {done.returncode}")
    with open(summary, encoding="utf-8") as file:
        figures = json.load(file)
    figures["promises"] = promises(figures)
    conditions.known["seed"] = figures["seed"]
    if chosen.charts:
        for path in judge_charts.draw(figures, chosen.charts):
            d.say(f"drawn: {os.path.relpath(path, d.TOP)}")
    return Report("judge", conditions, figures, text(figures, chosen.cells), all(one["kept"] for one in figures["promises"]))


# --- what was promised ---

def cells_of(figures, question, **wanted):
    return [cell for cell in figures["cells"] if cell["question"] == question and all(cell[key] == value for key, value in wanted.items())]


def promises(figures):
    """Each with what was found; a promise about which nothing was measured is not kept."""
    found = []

    def shares(words, question, contender, cells):
        over = [cell for cell in cells if cell["judges"][contender]["low"] > cell["judges"][contender]["allowed"]]
        worst = max(cells, key=lambda cell: cell["judges"][contender]["rate"], default=None)
        seen = f"worst {percent(worst['judges'][contender])} in {worst['cell'].removeprefix(question + '/')}" if worst else "not measured"
        found.append({"promise": words, "found": f"{len(cells) - len(over)} of {len(cells)} cells; {seen}", "kept": bool(cells) and not over})

    healthy = cells_of(figures, "false-rollback")
    alone = [cell for cell in healthy if cell["independent"]]
    rest = [cell for cell in healthy if not cell["independent"]]
    shares("false rollbacks <= 1 %, independent, calibrated", "false-rollback", CALIBRATED, alone)
    shares("false rollbacks <= 1 %, independent, uncalibrated", "false-rollback", UNCALIBRATED, alone)
    shares("false rollbacks <= 1.5 %, bursts and pods, calibrated", "false-rollback", CALIBRATED, rest)
    at_margin = cells_of(figures, "false-promotion", independent=True)
    shares("false promotions <= 5 %, calibrated", "false-promotion", CALIBRATED, at_margin)
    shares("false promotions <= 5 %, uncalibrated", "false-promotion", UNCALIBRATED, at_margin)
    delay = figures["delay"][CALIBRATED]
    cells = delay["cells"]
    found += [{"promise": f"delay, mean over the cells <= {MEAN} bounds", "kept": cells > 0 and delay["mean"] <= MEAN,
               "found": f"{delay['mean']:.2f} over {cells} cells (geometric mean {delay['geometricMean']:.2f})"},
              {"promise": f"delay, worst cell <= {WORST:g} bounds", "kept": cells > 0 and delay["worst"] <= WORST,
               "found": f"{delay['worst']:.2f} in {delay['worstCell'].removeprefix('detection/')}; {delay['aboveWorst']} cells above"},
              {"promise": "99 % of bad canaries found in 3 bounds' time", "kept": cells > 0 and delay["missed"] == 0,
               "found": f"{cells - delay['missed']} of {cells} cells"}]
    return found


# --- tables ---

def percent(share):
    return f"{100 * share['rate']:.2f} % ({share['fired']} of {share['runs']})"


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else 0


def spread(values):
    """A number that all have, or the smallest and the largest."""
    return f"{min(values):,}" if min(values) == max(values) else f"{min(values):,}-{max(values):,}"


def models(cells):
    return list(dict.fromkeys((cell["model"], cell["words"]) for cell in cells))


def false_table(figures, question, head):
    rows = []
    cells = cells_of(figures, question)
    for model, words in models(cells):
        own = [cell for cell in cells if cell["model"] == model]
        row = [words, len(own), spread([cell["judges"][CALIBRATED]["runs"] for cell in own])]
        for contender in (CALIBRATED, UNCALIBRATED):
            shares = [cell["judges"][contender] for cell in own]
            worst = max(shares, key=lambda share: share["rate"])
            row += [f"{100 * mean(share['rate'] for share in shares):.2f}", f"{100 * worst['rate']:.2f}", f"{100 * worst['low']:.2f}"]
        allowed = own[0]["judges"][CALIBRATED]["allowed"]
        rows.append(row + [f"{100 * allowed:g}" if allowed < 1 else ""])
    return table([head, "cells", "runs each", "mean", "worst", "99 % low", "uncalibrated: mean", "worst", "99 % low", "wanted low"], rows)


def delay_table(figures):
    """Per model and ratio; where the promise does not apply, phi says how much evidence is divided by."""
    rows = []
    for gated in (True, False):
        cells = [cell for cell in cells_of(figures, "detection", gated=gated) if cell["boundTicks"] >= 3]
        groups = dict.fromkeys((cell["words"] + (" (from minute 30)" if cell["onset"] else ""), cell["ratio"]) for cell in cells)
        for words, ratio in groups:
            own = [cell for cell in cells if cell["ratio"] == ratio and cell["words"] + (" (from minute 30)" if cell["onset"] else "") == words]
            ours = [cell["judges"][CALIBRATED] for cell in own]
            plain = [cell["judges"][UNCALIBRATED] for cell in own]
            rows.append([f"{words}, {ratio:g}x", len(own), spread([one["runs"] for one in ours]), f"{mean(one['ratio'] for one in ours):.2f}",
                         f"{max(one['ratio'] for one in ours):.2f}", f"{100 * min(one['found'] for one in ours):.1f}",
                         f"{mean(one['phi'] for one in ours):.2f}", f"{mean(one['ratio'] / one['phi'] for one in ours):.2f}",
                         f"{mean(one['ratio'] for one in plain):.2f}", f"{100 * min(one['found'] for one in plain):.1f}",
                         f"<= {MEAN}, {WORST:g}" if gated else ""])
    return table(["delay / bound", "cells", "runs each", "mean", "worst", "found %", "phi", "/ phi", "uncalibrated: mean", "found %", "wanted"], rows)


def contenders(cells):
    names = dict.fromkeys(name for cell in cells for name in cell["judges"])
    return [CALIBRATED, UNCALIBRATED] + [name for name in names if name not in (CALIBRATED, UNCALIBRATED)]


def minutes(ticks):
    return "-" if ticks == 0 else f"{ticks * TICK / 60:.3g}"


def rivals_table(figures, model):
    """Median minutes until the rollback and mean excess failures; '-': not half of the canaries in two hours."""
    cells = [cell for cell in cells_of(figures, "detection", model=model, onset=0) if len(cell["judges"]) > 2]
    if not cells:
        return ""
    names = contenders(cells)
    rows = [[f"{cell['rps']:g} rps, {100 * cell['base']:g} %, {cell['ratio']:g}x", minutes(cell["boundTicks"])] +
            [f"{minutes(cell['judges'][name]['medianTicks'])} / {cell['judges'][name]['excess']:,.0f}" for name in names] for cell in cells]
    head = "independent requests" if model == "independent" else cells[0]["words"]
    return table([f"minutes / excess failures: {head}", "bound", *names], rows)


def rivals_false_table(figures):
    cells = [cell for cell in cells_of(figures, "false-rollback") if len(cell["judges"]) > 2]
    if not cells:
        return ""
    names = contenders(cells)
    rows = []
    for model, words in models(cells):
        for base in dict.fromkeys(cell["base"] for cell in cells):
            own = [cell for cell in cells if cell["model"] == model and cell["base"] == base]
            rows.append([f"{words}, {100 * base:g} %"] + [f"{100 * mean(cell['judges'][name]['rate'] for cell in own):.1f}" for name in names])
    return table(["false rollbacks, %, at 10 % weight", *names], rows)


def every_cell(figures):
    rows = []
    for cell in figures["cells"]:
        ours, plain = cell["judges"][CALIBRATED], cell["judges"][UNCALIBRATED]
        if cell["question"] == "detection":
            rows.append([cell["cell"], ours["runs"], f"{cell['boundTicks']:.1f}", f"{ours['ratio']:.2f}", f"{100 * ours['found']:.1f} %",
                         f"{plain['ratio']:.2f}", f"{100 * plain['found']:.1f} %"])
        else:
            rows.append([cell["cell"], ours["runs"], "", f"{100 * ours['rate']:.2f} %", f"{100 * ours['low']:.2f}-{100 * ours['high']:.2f}",
                         f"{100 * plain['rate']:.2f} %", f"{100 * plain['low']:.2f}-{100 * plain['high']:.2f}"])
    return table(["cell", "runs", "bound", "calibrated", "", "uncalibrated", ""], rows)


def text(figures, cells=False):
    parts = [false_table(figures, "false-rollback", "false rollbacks, %"), delay_table(figures),
             rivals_table(figures, "independent"), rivals_false_table(figures), false_table(figures, "false-promotion", "false promotions, %")]
    if cells:
        parts.append(every_cell(figures))
    parts.append(table(["promise", "found", ""], [[one["promise"], one["found"], "kept" if one["kept"] else "NOT KEPT"]
                                                  for one in figures["promises"]]))
    if not figures["complete"]:
        parts.append("Not all runs are done; the same command goes on.")
    return "\n\n".join(part for part in parts if part)
