"""What breaks around a run: the metrics, and the operator itself."""
import time

import delivery as d
from load import unix_time
from suite import SYSTEM, weights_in_order
from watch import Watch


def prometheus_stopped_in_mid_run_holds_and_recovers(t):
    app = t.app

    def condition(name, wanted):
        return lambda status: any(c["type"] == name and c["status"] == wanted for c in status.get("conditions", []))

    def stop_and_start():
        d.run("hack/cluster", "stop-part", "prometheus")
        try:
            app.wait("condition MetricsAvailable False", condition("MetricsAvailable", "False"), 30)
            weight = app.status["run"]["weight"]["observed"]
            time.sleep(12)  # longer than the step's hold: nothing may happen in this time
            status = app.status
            d.say(f"{status['phase']}: {status['summary'][:200]}", 2)
            d.expect(status["phase"] == "Holding", f"phase {status['phase']} without Prometheus")
            d.expect(status["run"]["weight"]["observed"] == weight, "the weight moved without data")
        finally:
            d.run("hack/cluster", "start-part", "prometheus")
        app.wait("condition MetricsAvailable True", condition("MetricsAvailable", "True"), 30)

    t.run(app, "COURIER_VERSION=no-metrics", expected="Promoted", in_mid_run=stop_and_start)


# The moments at which the operator is killed: as soon as its status says so. Seven of them are in the seconds in which
# most is written, the others while the canary is judged.
KILLED_AT = ["Pinning", "Creating", "Joining", "10%", "50%", "50%, 8 ticks", "Filling", "Switching", "Draining", "Moving"]
ORDER = ["Pinning", "Creating", "Joining", "Stepping", "Filling", "Switching", "Draining", "Moving", "Releasing"]
TAKEOVER = 20  # s, from the death of all replicas to a leader
REACTION = 2   # s, from then to what was due meanwhile


def reached(moment, revision):
    """A condition on the Rollout's status: the run is at that moment or past it."""
    def condition(status):
        run = status.get("run")
        if run is None or run["revision"] != revision:
            return any(e["revision"] == revision for e in status.get("history", []))
        stage, step, ticks = ORDER.index(run["stage"]), run.get("step", 0), run.get("bakedTicks", 0)
        if moment in ORDER:
            return stage >= ORDER.index(moment)
        observed = run.get("weight", {}).get("observed", 0)
        weight, _, wanted = moment.partition("%")
        return stage > ORDER.index("Stepping") or (observed >= int(weight) and step > 0 and ticks >= (8 if wanted else 0))
    return condition


def the_operator_killed_ten_times_in_one_run_changes_nothing(t):
    app, takeovers, killed = t.app, [], []
    with t.watched_route(app) as route, Watch(t.cluster.command, SYSTEM, "lease", "sluice-operator") as lease:
        with app.under_load(seconds=480):
            revision = app.release("COURIER_VERSION=survives")
            for moment in KILLED_AT:
                app.wait(moment, reached(moment, revision), 60)
                holder, at = lease.current["spec"]["holderIdentity"], time.time()
                stage = app.status.get("run", {}).get("stage", "ended")
                t.kill_operator()
                killed.append(at)
                lease.wait("another leader", lambda now: now.get("spec", {}).get("holderIdentity", holder) not in (holder, ""), TAKEOVER + 20)
                takeovers.append(time.time() - at)
                d.say(f"killed at {moment} (stage {stage}); led again after {takeovers[-1]:.1f} s", 3)
            entry = app.end_of_run(revision)
        changes = weights_in_order(route.since(0))
        steps = step_times(app.rollout.since(killed[0]), revision)
    d.expect(entry["outcome"] == "Promoted", f"outcome {entry['outcome']}: {entry['why']}")
    weights = [weight for _, weight in changes]
    d.say(f"weights of the route: {weights}; takeovers {min(takeovers):.1f} to {max(takeovers):.1f} s", 2)
    if t.undisturbed_weights:
        d.expect(weights == t.undisturbed_weights, f"weights {weights}, undisturbed {t.undisturbed_weights}")
    d.expect(max(takeovers) <= TAKEOVER + REACTION, f"a takeover took {max(takeovers):.1f} s")
    for number, (started, left) in steps.items():
        led_again = max([at + gap for at, gap in zip(killed, takeovers) if at < left], default=0)
        d.say(f"step {number}: left {left - started:.1f} s after it began", 3)
        d.expect(left - started >= 8, f"step {number} was left after {left - started:.1f} s of its hold of 8 s")
        # minBake and the evidence are counted while somebody leads, so only the first step is due at its hold's end.
        if number == 1:
            d.expect(left - max(started + 8, led_again) <= REACTION + 2, f"step 1 was left {left - max(started + 8, led_again):.1f} s late")


def step_times(versions, revision):
    """step -> (when the status says it began, when it was seen to be left)."""
    began, left = {}, {}
    for seen, rollout in versions:
        run = (rollout or {}).get("status", {}).get("run")
        if not run or run["revision"] != revision or run.get("outcome"):
            continue
        number = run.get("step", 0)
        if run["stage"] == "Stepping" and run.get("stepStartedAt"):
            began.setdefault(number, unix_time(run["stepStartedAt"]))
        for earlier in began:
            if earlier < number or run["stage"] in ("Filling", "Switching"):
                left.setdefault(earlier, seen)
    return {number: (began[number], left[number]) for number in began if number in left}


CASES = [
    prometheus_stopped_in_mid_run_holds_and_recovers,
    the_operator_killed_ten_times_in_one_run_changes_nothing,
]
