"""The judge's two pictures as SVG: delay against the bound, and false rollbacks per cell. Plain shapes and text, no library."""

import math
import os

WIDTH = 760
INK, SOFT, GRID, BAND = "#24292f", "#656d76", "#d8dee4", "#eef6ee"
OURS, PLAIN, LIMIT = "#0b6bcb", "#c4670a", "#b4232a"
FONT = "font-family='Helvetica, Arial, DejaVu Sans, sans-serif'"
CALIBRATED, UNCALIBRATED = "sluice, calibrated", "sluice"


class Picture:
    def __init__(self, height, title, subtitle):
        self.height, self.parts = height, []
        self.text(24, 32, title, size=17, weight="600")
        self.text(24, 52, subtitle, size=12.5, color=SOFT)

    def text(self, x, y, words, size=12, color=INK, anchor="start", weight="400", turn=None):
        turned = f" transform='rotate({turn} {x:.1f} {y:.1f})'" if turn is not None else ""
        words = words.replace("&", "&amp;").replace("<", "&lt;")
        self.parts.append(f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' font-weight='{weight}' fill='{color}' text-anchor='{anchor}'{turned}>"
                          f"{words}</text>")

    def line(self, x1, y1, x2, y2, color=GRID, width=1.0, dash=""):
        dashed = f" stroke-dasharray='{dash}'" if dash else ""
        self.parts.append(f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{color}' stroke-width='{width}'{dashed}/>")

    def area(self, x, y, width, height, color):
        self.parts.append(f"<rect x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}' fill='{color}'/>")

    def dot(self, x, y, color, filled=True, radius=3.4, words=""):
        fill = f"fill='{color}' fill-opacity='0.55' stroke='{color}' stroke-width='0.6'" if filled else f"fill='none' stroke='{color}' stroke-width='1.1'"
        title = f"<title>{words}</title>" if words else ""
        self.parts.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{radius}' {fill}>{title}</circle>")

    def write(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {self.height}' width='{WIDTH}' height='{self.height}' {FONT}>\n"
                       f"<rect width='{WIDTH}' height='{self.height}' fill='white'/>\n" + "\n".join(self.parts) + "\n</svg>\n")
        return path


def legend(picture, y, entries):
    x = 24
    for words, color, filled in entries:
        picture.dot(x + 4, y - 4, color, filled, 4)
        picture.text(x + 14, y, words, size=12)
        x += 30 + 6.3 * len(words)


def delay(figures, path):
    """Each dot a cell: how many times the bound the judge takes, over how long the bound is."""
    cells = [cell for cell in figures["cells"] if cell["question"] == "detection" and cell["gated"]]
    left, right, top, bottom, highest = 66, WIDTH - 24, 96, 430, 6.0
    lowest_bound, highest_bound = 3.0, 160.0

    def x(ticks):
        return left + (right - left) * math.log(ticks / lowest_bound) / math.log(highest_bound / lowest_bound)

    def y(ratio):
        return bottom - (bottom - top) * min(ratio, highest) / highest
    picture = Picture(492, "How soon a bad canary is rolled back", f"Each dot is a cell of the benchmark ({len(cells)} in all): one traffic, one size of harm. "
                      "No test can be below 1 on average.")
    legend(picture, 78, [("calibrated by replays of the service's past", OURS, True), ("uncalibrated", PLAIN, False)])
    picture.area(left, y(1.5), right - left, y(0) - y(1.5), BAND)
    for ratio in range(0, int(highest) + 1):
        picture.line(left, y(ratio), right, y(ratio))
        picture.text(left - 10, y(ratio) + 4, str(ratio) if ratio < highest else "6 +", color=SOFT, anchor="end")
    for words, ticks in (("45 s", 3), ("1.5 min", 6), ("3 min", 12), ("5 min", 20), ("10 min", 40), ("20 min", 80), ("40 min", 160)):
        picture.line(x(ticks), top, x(ticks), bottom)
        picture.text(x(ticks), bottom + 18, words, color=SOFT, anchor="middle")
    picture.line(left, y(1), right, y(1), INK, 1.6)
    picture.text(right - 4, y(1) + 15, "information bound", size=11.5, anchor="end")
    picture.line(left, y(2), right, y(2), LIMIT, 1.2, "5 4")
    picture.line(right - 288, 74, right - 262, 74, LIMIT, 1.2, "5 4")
    picture.text(right, 78, "wanted: 2 at most, 1.5 on average (shaded)", size=11.5, color=LIMIT, anchor="end")
    for contender, color, filled in ((UNCALIBRATED, PLAIN, False), (CALIBRATED, OURS, True)):
        for cell in cells:
            found = cell["judges"][contender]
            picture.dot(x(cell["boundTicks"]), y(found["ratio"]), color, filled, words=f"{cell['cell']}: {found['ratio']:.2f}")
    picture.text((left + right) / 2, bottom + 42, "information bound of the cell: how long the best possible test needs on average", color=SOFT, anchor="middle")
    picture.text(20, (top + bottom) / 2, "mean delay, in bounds", color=SOFT, anchor="middle", turn=-90)
    return picture.write(path)


def false_rollbacks(figures, path):
    """A strip of dots per kind of traffic, a dot per cell; zero has a place of its own on the logarithmic axis."""
    cells = [cell for cell in figures["cells"] if cell["question"] == "false-rollback"]
    models = list(dict.fromkeys((cell["model"], cell["words"]) for cell in cells))
    left, right, top, row = 206, WIDTH - 30, 104, 44
    bottom = top + row * len(models)
    zero, lowest = left + 36, 0.01  # percent

    def x(percent):
        if percent <= 0:
            return zero
        begin = left + 100
        return begin + (right - begin) * math.log(max(percent, lowest) / lowest) / math.log(100 / lowest)
    runs = [cell["judges"][CALIBRATED]["runs"] for cell in cells]
    number = f"{min(runs):,}" if min(runs) == max(runs) else f"{min(runs):,} to {max(runs):,}"
    picture = Picture(bottom + 62, "How often a faultless canary is rolled back", f"Each dot is a cell ({len(cells)} in all): {number} rollouts of two hours, "
                      "looked at every 15 s")
    legend(picture, 78, [("calibrated by replays of the service's past", OURS, True), ("uncalibrated", PLAIN, False)])
    for words, percent in (("none", 0), ("0.01 %", 0.01), ("0.1 %", 0.1), ("1 %", 1), ("10 %", 10), ("100 %", 100)):
        picture.line(x(percent), top, x(percent), bottom, LIMIT if percent == 1 else GRID, 1.4 if percent == 1 else 1)
        picture.text(x(percent), bottom + 18, words, color=LIMIT if percent == 1 else SOFT, anchor="middle", weight="600" if percent == 1 else "400")
    picture.text(x(1), top - 6, "promised: at most 1 %", size=11.5, color=LIMIT, anchor="middle")
    for index, (model, words) in enumerate(models):
        middle = top + row * (index + 0.5)
        if index > 0:
            picture.line(24, middle - row / 2, right, middle - row / 2)
        picture.text(24, middle + 4, words, size=12.5)
        own = [cell for cell in cells if cell["model"] == model]
        for contender, color, filled, lane in ((UNCALIBRATED, PLAIN, False, 10), (CALIBRATED, OURS, True, -10)):
            placed = {}
            for cell in sorted(own, key=lambda one: one["judges"][contender]["rate"]):
                share = cell["judges"][contender]
                at = x(100 * share["rate"])
                turn = placed[round(at / 4)] = placed.get(round(at / 4), -1) + 1
                # Those that would cover each other stand beside and above each other.
                shift = (turn % 12 - 5.5) * 4.2 if share["rate"] == 0 else 0
                lift = (turn // 12 - 1.5) * 4.2 if share["rate"] == 0 else ((turn + 1) // 2) * 3.2 * (-1 if turn % 2 else 1)
                picture.dot(at + shift, middle + lane + max(-9, min(9, lift)), color, filled, 1.9 if share["rate"] == 0 else 3.2,
                            f"{cell['cell']}: {share['fired']} of {share['runs']}")
    picture.text((left + right) / 2, bottom + 42, "share of the rollouts that are rolled back for nothing", color=SOFT, anchor="middle")
    return picture.write(path)


def draw(figures, folder):
    return [delay(figures, os.path.join(folder, "judge-delay.svg")), false_rollbacks(figures, os.path.join(folder, "judge-false-rollbacks.svg"))]
