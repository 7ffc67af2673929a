"""What a benchmark measured: distributions, the conditions it was measured under, and both as a table and as JSON."""

import json
import os
import subprocess

from quantile import quantile


def summary(values):
    """Of numbers: how many, p50, p95 and the largest."""
    return {"count": len(values), "p50": quantile(values, 0.5), "p95": quantile(values, 0.95), "max": max(values)}


def table(head, rows):
    """Text in columns; the first one to the left, the others to the right."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
             for row in cells]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


class Conditions:
    """Machine and commit of a measurement, and operator and cluster where it has them."""

    def __init__(self, top, api=None, operator=None):
        commit = subprocess.run(["git", "-C", top, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False).stdout.strip()
        self.known = {"processor": processor(), "cores": os.cpu_count(), "load before": round(os.getloadavg()[0], 1)}
        if operator:
            version = subprocess.run([operator, "--version"], capture_output=True, text=True, check=True).stdout.strip()
            self.known["operator"] = f"{version} ({os.path.relpath(operator, top)})"
        self.known["commit"] = commit or "unknown"
        if api:
            self.known["kubernetes"] = api.request("GET", "/version").json()["gitVersion"]

    def __str__(self):
        return "\n".join(f"{name + ':':14}{value}" for name, value in self.known.items())


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "unknown")


class Report:
    """figures: what goes to JSON; text: the same for people; kept: False if a promise was measured not to be."""

    def __init__(self, benchmark, conditions, figures, text, kept=True):
        self.benchmark, self.conditions, self.figures, self.text, self.kept = benchmark, conditions, figures, text, kept

    def show(self):
        print(f"\n{self.conditions}\n\n{self.text}", flush=True)

    def write(self, path):
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"benchmark": self.benchmark, "conditions": self.conditions.known, "figures": self.figures}, file, indent=2)
            file.write("\n")
