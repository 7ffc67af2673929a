"""Good and bad releases: what is promoted, what is rolled back, and what the client notices."""
import delivery as d
from load import OWN_ERROR
from suite import weights_in_order


def a_good_release_is_promoted_with_its_very_pods(t):
    app, analysed = t.app, {}

    def remember():
        app.wait_for_weight(50)
        analysed["set"] = app.status["run"]["canaryReplicaSet"]
        analysed["pods"] = {uid for uid, pod in app.pods().items() if pod["metadata"]["name"].startswith(analysed["set"])}

    with t.watched_route(app) as route:
        t.run(app, "COURIER_VERSION=good", expected="Promoted", in_mid_run=remember)
        t.undisturbed_weights = [weight for _, weight in weights_in_order(route.since(0))]
    d.say(f"weights of the route: {t.undisturbed_weights}", 2)
    app.wait_until_released()
    d.expect(app.active_sets() == {analysed["set"]}, f"{app.active_sets()} serve, {analysed['set']} was analysed")
    d.expect(len(analysed["pods"]) >= 2, f"only {len(analysed['pods'])} pods were analysed at 50%")
    d.expect(analysed["pods"] <= set(app.pods()), "analysed pods were replaced")
    d.expect(len(app.get("services")["items"]) == 1, "the canary Service is left")
    history = app.kubectl("rollout", "history", "deployment/courier")
    newest = app.get("replicaset", analysed["set"])["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
    d.expect(history.split()[-2] == newest, f"'rollout history' does not end with revision {newest}:\n{history}")


def errors_are_rolled_back_within_a_second(t):
    app = t.app
    serving, pods = app.active_sets(), set(app.pods())
    with t.watched_route(app) as route:
        entry = t.run(app, "COURIER_VERSION=errors", "FAULT_PROFILE=errors=10%", expected="RolledBack")
        changes = weights_in_order(route.since(0))
    d.expect(app.active_sets() == serving and set(app.pods()) == pods, "production was touched")
    d.expect(app.deployment()["spec"].get("paused"), "the refused template is not held")
    seen = next(seen for i, (seen, weight) in enumerate(changes) if weight == 0 and i > 0 and changes[i - 1][1])
    answered = max(at for at in t.operator_patches(app.ns, "httproutes", "courier") if at <= seen + 0.5)
    last = max(entry["counts"].last.get(who, 0) for who in ("errors", OWN_ERROR))
    d.say(f"last request to the canary {(last - answered) * 1000:+.0f} ms after the weight-0 PATCH was answered", 2)
    d.expect(last - answered < 1, "the canary was sent requests for more than a second")


def slowness_is_rolled_back(t):
    entry = t.run(t.app, "COURIER_VERSION=slow", "FAULT_PROFILE=latency=400ms@50%", expected="RolledBack")
    d.expect("latency" in entry["why"], f"not because of its latency: {entry['why']}")


def a_pod_that_never_becomes_ready_gets_no_traffic(t):
    expect_no_traffic(t, "never-ready", "FAULT_PROFILE=never-ready")


def a_crash_loop_is_rolled_back(t):
    # It becomes ready before it crashes, so what it breaks while it has traffic is its own; nothing else may be lost.
    with t.watched_route(t.app) as route:
        def while_it_has_traffic(sent):
            changes = weights_in_order(route.since(0)) + [(float("inf"), None)]
            return any(weight and seen - 0.5 <= sent <= changes[i + 1][0] + 1 for i, (seen, weight) in enumerate(changes[:-1]))
        t.run(t.app, "COURIER_VERSION=crashes", "FAULT_PROFILE=crash-after=1s", expected="RolledBack", excused=while_it_has_traffic)


def a_pod_that_crashes_on_a_bad_dependency_gets_no_traffic(t):
    expect_no_traffic(t, "no-database", "COURIER_DATABASE=/nowhere/courier.db")


def expect_no_traffic(t, version, fault):
    entry = t.run(t.app, f"COURIER_VERSION={version}", fault, expected="RolledBack")
    answers = entry["counts"].versions.get(version, 0)
    d.expect(answers == 0 and entry.get("maxWeight", 0) == 0, f"it answered {answers} requests at up to {entry.get('maxWeight')}%")


def going_back_to_the_stable_template_after_a_refusal_releases_the_deployment(t):
    app = t.app
    if app.status.get("phase") != "RolledBack":
        t.run(app, "COURIER_VERSION=refused", "FAULT_PROFILE=never-ready", expected="RolledBack")
    app.set_template(*app.active_sets())
    app.wait("phase Healthy", lambda status: status.get("phase") == "Healthy", 30)
    app.wait_until_released()


CASES = [
    a_good_release_is_promoted_with_its_very_pods,
    errors_are_rolled_back_within_a_second,
    slowness_is_rolled_back,
    a_pod_that_never_becomes_ready_gets_no_traffic,
    a_crash_loop_is_rolled_back,
    a_pod_that_crashes_on_a_bad_dependency_gets_no_traffic,
    going_back_to_the_stable_template_after_a_refusal_releases_the_deployment,
]
