"""What must be there once a run is over, and how the gateway saw it go."""

from promises import check, equal


def expect_untouched(app, serving, image):
    """The baseline serves with the ReplicaSet of before, nothing of a run is left but a template that is held back."""
    equal(app.active_sets(), serving, "the active ReplicaSets")
    equal(app.backends(), {app.name: 1}, "the route's backends")
    equal(app.pin(), None, "the Service's pin")
    live = app.live()
    equal(live["spec"]["template"]["spec"]["containers"][0]["image"], image, "the image of the Deployment")
    expect_nothing_left(app)


def expect_released(app, serving, image):
    """That ReplicaSet alone serves, and the Deployment is as complete and free as before any run."""
    expect_untouched(app, {serving}, image)
    live = app.live()
    check(not live["spec"].get("paused"), "the Deployment is still paused")
    marks = {key for key in live["metadata"]["annotations"] if key.startswith("sluice.dev/")}
    equal(marks, {"sluice.dev/rollout"}, "the Deployment's marks")
    app.world.suite.kubectl("--namespace", app.world.namespace, "rollout", "status", f"deployment/{app.name}", "--timeout=20s",
                            namespace=False).ok()


def expect_nothing_left(app):
    services = [item["metadata"]["name"] for item in app.world.list("service")]
    check(f"{app.name}-canary" not in services, "the canary Service is left")
    marks = app.world.get("httproute", app.name)["metadata"].get("annotations", {})
    equal([key for key in marks if key.startswith("sluice.dev/")], [], "marks on the route")
    owned = [item["metadata"]["name"] for item in app.world.list("replicaset")
             if item["metadata"].get("labels", {}).get("sluice.dev/rollout") == app.name]
    equal(owned, [], "canary ReplicaSets")


def expect_weights(app, *wanted):
    equal(app.world.gateway.weights_of(app.name, f"{app.name}-canary"), list(wanted), "the canary's weights, as the gateway saw them")


def expect_held(app, seconds, *weights):
    """No step was left before its hold was over, which begins when the gateway has said that it has taken the weight up."""
    taken = [(one.at, one.weights[0].get(f"{app.name}-canary", 0)) for one in list(app.world.gateway.taken) if one.name == app.name]
    for (at, weight), (left, after) in zip(taken, taken[1:]):
        if weight in weights and after > weight:
            check(left - at >= seconds, f"{weight}% was left for {after}% after {left - at:.2f} s, which is before its hold of {seconds} s")


def expect_same_pods(app, replica_set, before):
    """The ReplicaSet has exactly the pods that it had."""
    equal(app.pods_of(replica_set), before, f"the pods of {replica_set}")


def expect_noted_first(app):
    """A canary's name and each step's weight stood in the run's status before the object or the weight was written."""
    run = {}
    for exchange in app.world.proxy.writes():
        if exchange.status is None or exchange.status >= 300:
            continue
        if (exchange.resource, exchange.subresource) == ("rollouts", "status"):
            run = exchange.body[1]["value"].get("run", {})
        elif (exchange.resource, exchange.method) == ("replicasets", "POST"):
            equal(run.get("canaryReplicaSet"), exchange.name, "the canary in the status when its ReplicaSet was created")
        elif exchange.resource == "httproutes":
            weights = [backend.get("weight", 1) for rule in exchange.body["spec"]["rules"] for backend in rule["backendRefs"]
                       if backend["name"] == f"{app.name}-canary"]
            noted = 100 if run["stage"] == "Switching" else run.get("weight", {}).get("desired", 0)
            check(max(weights, default=0) <= noted, f"{exchange} gave the canary {weights}, but the status allowed only {noted}%")
