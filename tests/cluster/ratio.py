"""A Rollout without a route: the share comes from replica counts, and the load through kube-proxy."""
import delivery as d


def without_a_route_a_good_release_is_promoted(t):
    app = prepared(t)

    def share():
        app.wait_for_weight(50)
        d.say(f"canary pods at 50%: {app.status['run'].get('canary')}", 3)

    entry = t.run(app, "COURIER_VERSION=good", expected="Promoted", in_mid_run=share)
    app.wait_until_released()
    d.expect(entry["counts"].versions["good"] > 500, f"answers by version: {dict(entry['counts'].versions)}")
    d.expect("pod-template-hash" not in app.get("service", "courier")["spec"]["selector"], "a pin is left")


def without_a_route_errors_are_rolled_back(t):
    app = prepared(t)
    serving, pods = app.active_sets(), set(app.pods())
    entry = t.run(app, "COURIER_VERSION=errors", "FAULT_PROFILE=errors=10%", expected="RolledBack")
    d.expect(entry["counts"].own_errors > 0, "the canary got no traffic")
    d.expect(app.active_sets() == serving and set(app.pods()) == pods, "production was touched")
    d.expect("pod-template-hash" not in app.get("service", "courier")["spec"]["selector"], "a pin is left")


def prepared(t):
    app = t.without_route
    if app.rollout is None:
        app.remove()
        app.deploy()
    app.make_healthy()
    return app


CASES = [
    without_a_route_a_good_release_is_promoted,
    without_a_route_errors_are_rolled_back,
]
