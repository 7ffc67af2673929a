"""Runs that must end in one way whatever is done to the operator meanwhile: what people do, and what must be there afterwards."""

from aftermath import expect_held, expect_released, expect_same_pods, expect_untouched, expect_weights
from promises import check, equal

HOLD = 1    # seconds of hold of the steps that are left for the next one
LONG = 120  # of a step in which the run must end: longer than any case takes


def spec(hold):
    """Fields of the Rollout. The progress deadline is one that no fault outlasts: when the operator is blind for longer, a rollback
    is right."""
    return {"progressDeadline": "120s", "steps": [{"weight": 20, "hold": f"{hold}s"}, {"weight": 50, "hold": f"{hold}s"}]}


class Promoted:
    """A good release."""

    name = "promoted"
    spec = spec(HOLD)

    def begin(self, app):
        app.release("app:2")

    def end(self, app, seconds):
        canary = app.wait_traffic(20)["canaryReplicaSet"]
        analysed = app.pods_of(canary)
        app.wait_outcome(1, "Promoted", seconds)
        app.wait_phase("Healthy")
        expect_released(app, canary, "app:2")
        check(analysed and analysed <= app.pods_of(canary), f"pods {app.pods_of(canary)} serve, {analysed} were analysed")
        expect_weights(app, 0, 20, 50, 100, 0)
        expect_held(app, HOLD, 20, 50)


class RolledBack:
    """A release with errors, seen in the first step."""

    name = "rolled-back"
    spec = spec(LONG)

    def begin(self, app):
        self.serving = app.active_sets()
        self.pods = app.pods_of(*self.serving)
        app.release("app:2", error_share=0.3)

    def end(self, app, seconds):
        app.wait_outcome(1, "RolledBack", seconds)
        expect_untouched(app, self.serving, "app:2")
        expect_same_pods(app, *self.serving, self.pods)
        check(app.live()["spec"].get("paused"), "the refused template is not held")
        equal(app.status()["phase"], "RolledBack", "the phase")
        expect_weights(app, 0, 20, 0)


class Superseded:
    """A release that another one takes the place of while it has traffic; the other is bad, and the first step shows it."""

    name = "superseded"
    spec = spec(LONG)

    def begin(self, app):
        self.serving = app.active_sets()
        self.pods = app.pods_of(*self.serving)
        app.release("app:2")
        self.first = app.wait_traffic(20)["canaryReplicaSet"]
        app.release("app:3", error_share=0.3)

    def end(self, app, seconds):
        app.wait_outcome(1, "Superseded", seconds)
        app.wait_outcome(2, "RolledBack", seconds)
        expect_untouched(app, self.serving, "app:3")
        expect_same_pods(app, *self.serving, self.pods)
        check(app.live()["spec"].get("paused"), "the refused template is not held")
        expect_weights(app, 0, 20, 0, 20, 0)

