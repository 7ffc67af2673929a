"""GoogleTest programs as ctest knows them: which there are, and what a run of one says."""
import json
import os
import re

import delivery as d
import processes


class Program:
    """One test of ctest: a GoogleTest program with its labels and its time limit."""

    def __init__(self, test):
        properties = {p["name"]: p["value"] for p in test["properties"]}
        self.name = test["name"]
        self.labels = properties.get("LABELS", [])
        self.command = test.get("command")  # ctest knows none if it was not built
        if self.command and "servers" in self.labels:
            self.command = [os.path.join(d.TOP, "sample-service/with-servers"), *self.command]
        self.folder = properties["WORKING_DIRECTORY"]
        self.seconds = float(properties["TIMEOUT"])

    def run(self, env=None):
        status, output = processes.run(self.command, self.seconds, cwd=self.folder, env=env)
        return Result(status, output, self.seconds)


def programs(preset, label=None, configuration=None):
    """What the CMakeLists.txt files declare with sluice_test()."""
    listing = d.run("ctest", "--test-dir", f"build/{preset}", "--show-only=json-v1", *(["-C", configuration] if configuration else []))
    found = [Program(test) for test in json.loads(listing)["tests"]]
    found = [program for program in found if label is None or label in program.labels]
    d.expect(found, f"ctest knows no test {label or ''} in build/{preset}")
    for program in found:
        d.expect(program.command, f"{program.name} was not built in build/{preset}")
    return found


def program(preset, name):
    """The one of that name; others need not be built."""
    listing = d.run("ctest", "--test-dir", f"build/{preset}", "--show-only=json-v1")
    found = [Program(test) for test in json.loads(listing)["tests"] if test["name"] == name]
    d.expect(found and found[0].command, f"{name} was not built in build/{preset}")
    return found[0]


class Result:
    """How many cases passed and failed, and why. A skipped case proves nothing and counts as failed; so does a crash."""

    def __init__(self, status, output, seconds):
        self.passed = number(r"^\[  PASSED  \] (\d+) tests?\.", output)
        skipped = number(r"^\[  SKIPPED \] (\d+) tests?, listed below", output) + number(r"YOU HAVE (\d+) DISABLED TEST", output)
        self.failed = number(r"^\[  FAILED  \] (\d+) tests?, listed below", output) + skipped
        self.why = ""
        last = re.findall(r"^\[ RUN      \] (.*)", output, re.M)[-1:] or ["its start"]
        if status is None:
            self.failed += 1
            self.why = f"not over after {seconds:.0f} s; it was in {last[0]}\n" + output[-3000:]
        elif status != 0 and self.failed == 0:
            self.failed = 1
            self.why = f"ended with {status} in {last[0]}\n" + output[-12000:]
        elif self.failed:
            self.why = (f"{skipped} cases were skipped\n" if skipped else "") + failures(output)
        elif self.passed == 0:
            self.failed = 1
            self.why = "no case ran\n" + output[-1000:]


def number(pattern, text):
    found = re.search(pattern, text, re.M)
    return int(found.group(1)) if found else 0


def failures(output):
    """What the failed cases printed, the end of each."""
    blocks = re.findall(r"^\[ RUN      \] (\S+)\n((?:(?!\[ RUN      \]).*\n)*?)\[  FAILED  \] \1", output, re.M)
    return "\n".join(f"{name}\n{text[-3000:]}" for name, text in blocks)[:20000] or output[-3000:]
