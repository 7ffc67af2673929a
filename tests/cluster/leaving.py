"""Ways out of Sluice: the Rollout deleted, the glass broken, everything uninstalled. The last one leaves no Sluice behind."""
import re

import delivery as d
from suite import SYSTEM, canary_weight


def deleting_the_rollout_in_mid_run_leaves_the_baseline_serving(t):
    app = t.app
    serving, pods = app.active_sets(), set(app.pods())
    with app.under_load():
        app.release("COURIER_VERSION=left")
        app.wait_for_weight(50)
        app.kubectl("delete", "rollouts.sluice.dev", "courier", "--timeout=90s")
    expect_only_the_baseline(app, serving, pods)


def with_the_operator_dead_break_glass_leaves_the_baseline_serving(t):
    app = t.app
    serving, pods = app.active_sets(), set(app.pods())
    with app.under_load():
        app.release("COURIER_VERSION=stuck")
        app.wait_for_weight(50)
        t.kill_processes()
        t.cluster.kubectl("-n", SYSTEM, "scale", "deployment/sluice-operator", "--replicas=0")
        try:
            d.run("hack/break-glass", app.ns, "courier", "--reason", "the operator is dead", "--settle", "2")
            d.expect(not app.deployment()["spec"].get("paused"), "the Deployment is still paused")
            app.kubectl("rollout", "status", "deployment/courier", "--timeout=20s")
            d.expect(app.active_sets() == serving and pods <= set(app.pods()), "production was touched")
            d.expect(canary_weight(app.get("httproute", "courier")) is None, "the route is still split")
        finally:
            t.cluster.kubectl("-n", SYSTEM, "scale", "deployment/sluice-operator", "--replicas=2")
        t.cluster.kubectl("-n", SYSTEM, "rollout", "status", "deployment/sluice-operator", "--timeout=60s")
        d.run("hack/break-glass", app.ns, "courier", "--end")
        app.wait("phase Healthy, with no run", lambda status: status.get("phase") == "Healthy" and "run" not in status, 60)
    expect_only_the_baseline(app, serving, pods)


def uninstalling_in_the_documented_order_in_mid_run_leaves_every_workload_serving(t):
    """The commands are those of docs/uninstall.md, as they are written there."""
    app = t.app
    with open(d.TOP + "/docs/uninstall.md", encoding="utf-8") as file:
        text = file.read()
    delete_rollouts = only(re.findall(r"`(kubectl delete rollouts[^`]*)`", text))
    checks = only(re.findall(r"must print nothing:\n *```sh\n(.*?)```", text, re.DOTALL))
    delete_rest = only(re.findall(r"`(kubectl delete -k [^`]*)`", text))
    serving, pods = app.active_sets(), set(app.pods())
    with app.under_load():
        app.release("COURIER_VERSION=uninstalled")
        app.wait_for_weight(50)
        d.run("bash", "-ec", delete_rollouts)
        said = d.run("bash", "-ec", checks)
        d.expect(not said.strip(), f"marks are left: {said}")
        d.run("bash", "-ec", delete_rest)
    expect_only_the_baseline(app, serving, pods)
    left = t.cluster.kubectl("get", "crds,clusterroles,validatingadmissionpolicies,mutatingadmissionpolicies,namespaces", "-o", "name")
    d.expect("sluice.dev" not in left and SYSTEM not in left, f"something of Sluice is left: {left}")


def only(found):
    d.expect(len(found) == 1, f"docs/uninstall.md has {len(found)} such commands instead of one")
    return found[0]


def expect_only_the_baseline(app, serving, pods):
    """What served before serves alone, and nothing of a run is left."""
    d.expect(app.active_sets() == serving, f"{app.active_sets()} serve instead of {serving}")
    d.expect(pods <= set(app.pods()), "production was touched")
    d.expect(canary_weight(app.get("httproute", "courier")) is None, "the route is still split")
    d.expect([s["metadata"]["name"] for s in app.get("services")["items"]] == ["courier"], "the canary Service is left")
    d.expect("pod-template-hash" not in app.get("service", "courier")["spec"]["selector"], "a pin is left")


CASES = [
    deleting_the_rollout_in_mid_run_leaves_the_baseline_serving,
    with_the_operator_dead_break_glass_leaves_the_baseline_serving,
    uninstalling_in_the_documented_order_in_mid_run_leaves_every_workload_serving,
]
