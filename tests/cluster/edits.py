"""What people do in the middle of a run, or with kubectl as they always did."""
import delivery as d


def undo_goes_through_a_canary_of_the_old_replica_set(t):
    app = t.app
    if not any(s["spec"]["replicas"] == 0 and s["metadata"].get("ownerReferences") for s in app.get("replicasets")["items"]):
        t.run(app, "COURIER_VERSION=newer", expected="Promoted")
    serving = app.active_sets()

    def undo():
        revision = app.status.get("revision", 0) + 1
        app.kubectl("rollout", "undo", "deployment/courier")
        return revision

    def borrowed():
        d.expect(app.status["run"].get("borrowed"), "the old ReplicaSet was not borrowed")

    t.run(app, expected="Promoted", begin=undo, in_mid_run=borrowed)
    app.wait_until_released()
    d.expect(app.active_sets() != serving, "the old version does not serve")


def an_edit_back_to_the_stable_template_cancels_and_while_held_kubectl_says_why_it_waits(t):
    app = t.app
    serving, pods = app.active_sets(), set(app.pods())

    def in_mid_run():
        status = app.cluster.fails("-n", app.ns, "rollout", "status", "deployment/courier", "--timeout=1s")
        undo = app.cluster.fails("-n", app.ns, "rollout", "undo", "deployment/courier")
        restart = app.cluster.fails("-n", app.ns, "rollout", "restart", "deployment/courier")
        resume = app.cluster.fails("-n", app.ns, "rollout", "resume", "deployment/courier")
        for said in (status, undo, restart, resume):
            d.say(said.replace("\n", " / ")[:230], 3)
        d.expect("paused" in undo and "paused" in restart, "undo or restart was refused without saying that the Deployment is paused")
        d.expect("Rollout courier" in resume, "the refusal to resume does not name the Rollout")
        app.set_template(*serving)

    t.run(app, "COURIER_VERSION=cancelled", expected="Cancelled", in_mid_run=in_mid_run)
    app.wait("phase Healthy", lambda status: status.get("phase") == "Healthy", 30)
    app.wait_until_released()
    d.expect(app.active_sets() == serving and set(app.pods()) == pods, "production was touched")


def another_edit_in_mid_run_supersedes_it(t):
    app = t.app
    with app.under_load():
        first = app.release("COURIER_VERSION=superseded")
        app.wait_for_weight()
        second = app.release("COURIER_VERSION=superseding")
        outcomes = [app.end_of_run(revision)["outcome"] for revision in (first, second)]
    d.expect(outcomes == ["Superseded", "Promoted"], f"{outcomes}")


def scaling_in_mid_run_is_followed(t):
    app = t.app
    t.run(app, "COURIER_VERSION=scaled", expected="Promoted",
          in_mid_run=lambda: app.kubectl("scale", "deployment/courier", "--replicas=5"))
    d.expect(app.deployment()["status"].get("availableReplicas") == 5, "the Deployment has not 5 replicas")
    app.kubectl("scale", "deployment/courier", "--replicas=3")
    app.kubectl("rollout", "status", "deployment/courier", "--timeout=30s")


CASES = [
    undo_goes_through_a_canary_of_the_old_replica_set,
    an_edit_back_to_the_stable_template_cancels_and_while_held_kubectl_says_why_it_waits,
    another_edit_in_mid_run_supersedes_it,
    scaling_in_mid_run_is_followed,
]
