"""What every case has: an application behind a route, one without, and the operator's processes."""
import contextlib
import glob
import json
import os
import signal

import delivery as d
from application import Application
from load import unix_time
from watch import Watch

SYSTEM = "sluice-system"
OPERATOR = "app.kubernetes.io/component=operator"


class Suite:
    def __init__(self, cluster):
        self.cluster = cluster
        self.app = Application(cluster, "sluice-test")
        self.without_route = Application(cluster, "sluice-test-ratio", route=False)
        self.undisturbed_weights = None  # of a promotion in which nothing else happened

    # --- one run, from edit to history ---

    def run(self, app, *variables, expected, in_mid_run=None, begin=None, seconds=240, excused=lambda sent: False):
        """A release under load; in_mid_run is called once the canary has traffic. Returns its history entry.

        `begin` brings the new template in another way than `kubectl set env`, and returns the revision of its run.
        """
        with app.under_load(excused=excused) as load:
            revision = begin() if begin else app.release(*variables)
            if in_mid_run:
                app.wait_for_weight()
                in_mid_run()
            entry = app.end_of_run(revision, seconds)
        d.say(f"{entry['outcome']}: {entry['why'][:180]}", 2)
        d.expect(entry["outcome"] == expected, f"outcome {entry['outcome']} instead of {expected}: {entry['why']}")
        entry["counts"] = load.counts
        return entry

    # --- the route ---

    @contextlib.contextmanager
    def watched_route(self, app):
        """A Watch of the application's HTTPRoute for the time inside."""
        with Watch(self.cluster.command, app.ns, "httproute", "courier") as route:
            route.wait("the first version of the HTTPRoute", lambda version: version, 20)
            yield route

    # --- the operator ---

    def operator_pods(self):
        return self.cluster.get("-n", SYSTEM, "pods", "-l", OPERATOR)["items"]

    def kill_processes(self):
        """SIGKILL to every process of the operator."""
        pids = [pid for pod in self.operator_pods() for pid in container_processes(pod)]
        d.expect(pids, "no process of the operator was found")
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_operator(self):
        """SIGKILL to every process of the operator, then new pods at once (a restarted container would wait ever longer)."""
        self.kill_processes()
        self.cluster.kubectl("-n", SYSTEM, "delete", "pods", "-l", OPERATOR, "--force", "--grace-period=0", "--wait=false")

    def operator_log(self):
        """The parsed lines of the log of each pod there is."""
        lines = []
        for pod in self.operator_pods():
            text = self.cluster.kubectl("-n", SYSTEM, "logs", pod["metadata"]["name"], check=False)
            for line in text.splitlines():
                with contextlib.suppress(ValueError):
                    lines.append(json.loads(line))
        return lines

    def expect_a_sound_operator(self):
        """No process of the operator ended by itself (a sanitizer ends it), and none logged an error."""
        for pod in self.operator_pods():
            for status in pod["status"].get("containerStatuses", []):
                last = status.get("lastState", {}).get("terminated", {})
                # A container that the node could not start the first time (StartError) never was a process of ours.
                if status["restartCount"] > 0 and last.get("reason") != "StartError":
                    name = pod["metadata"]["name"]
                    raise d.Failed(f"{name} ended by itself, last with {json.dumps(last)}:\n" + self.cluster.kubectl("-n", SYSTEM, "logs", name, "--previous", "--tail=60", check=False))
        errors = [line for line in self.operator_log() if line.get("level") == "error"]
        d.expect(not errors, f"the operator logged {len(errors)} errors; the first: {json.dumps(errors[:1])}")

    def operator_patches(self, ns, resource, name):
        """Unix times at which the API server had answered the operator's patches of that object."""
        times = []
        with open(self.cluster.env["SLUICE_AUDIT_LOG"], encoding="utf-8") as log:
            for line in log:
                if '"patch"' not in line or f'"{ns}"' not in line:
                    continue
                entry = json.loads(line)
                reference = entry.get("objectRef", {})
                if entry["verb"] == "patch" and entry["user"]["username"].endswith(":sluice-operator") and \
                        (reference.get("namespace"), reference.get("resource"), reference.get("name")) == (ns, resource, name):
                    times.append(unix_time(entry["stageTimestamp"]))
        return times


def container_processes(pod):
    """Process ids of the pod's containers, which run on this machine."""
    ids = [status["containerID"].removeprefix("containerd://") for status in pod["status"].get("containerStatuses", []) if status.get("containerID")]
    found = []
    for path in glob.glob("/proc/[0-9]*/cgroup"):
        with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
            cgroups = file.read()
            if any(container in cgroups for container in ids):
                found.append(int(path.split("/")[2]))
    return found


def canary_weight(route):
    """The canary's share in percent that the route asks for; None if it is not split."""
    references = route["spec"]["rules"][0]["backendRefs"]
    total = sum(r.get("weight", 1) for r in references)
    canary = [r.get("weight", 1) for r in references if r["name"] == "courier-canary"]
    return round(100 * canary[0] / total) if canary else None


def weights_in_order(versions):
    """[(unix time, weight)] of each change of the canary's weight."""
    changes = []
    for seen, route in versions:
        weight = canary_weight(route) if route else None
        if not changes or changes[-1][1] != weight:
            changes.append((seen, weight))
    return changes
