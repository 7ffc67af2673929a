"""The writes of a run by their place in it, so that "the 40th write" is the same one in every run of a story.

The place of a write in an undisturbed run is its number. In a disturbed run it is found again by what it does: each write to
an object that people or Kubernetes act on, and the end of a run, is a landmark and has the place that it had in the undisturbed
run. The checkpoints between two landmarks, writes of the Rollout's status, are counted from the first of the two: how many
there are depends on how the operator was woken, so those that are too many have the last place before the next landmark.
"""

from promises import check


def shape(value):
    """What a body says, without names, digests and versions, which differ from run to run."""
    if isinstance(value, dict):
        return {key: shape(entry) for key, entry in sorted(value.items()) if key not in ("resourceVersion", "uid")}
    if isinstance(value, list):
        return [shape(entry) for entry in value]
    return "..." if isinstance(value, str) else value


class Described:
    """What a write is, to be compared between runs."""

    def __init__(self, exchange, app, ended):
        """ended: how many runs are in the history already."""
        self.history = ended
        self.is_landmark = True
        if exchange.resource == "rollouts" and exchange.subresource == "status":
            self.history = max(ended, len(exchange.body[1]["value"].get("history", [])))
            self.is_landmark = self.history > ended
            self.what = f"run {self.history} is over" if self.is_landmark else "checkpoint"
            return
        name = exchange.name if exchange.name in (app, f"{app}-canary") else f"{app}-*"
        self.what = f"{exchange.method} {exchange.resource}/{name} {shape(exchange.body)}"


class WriteOrder:
    """All writes of an undisturbed run that were carried out, up to its last landmark."""

    def __init__(self, exchanges, app):
        self.landmarks = []  # (what, place)
        ended = 0
        done = [exchange for exchange in exchanges if exchange.status and exchange.status < 300]
        for place, exchange in enumerate(done, 1):
            described = Described(exchange, app, ended)
            ended = described.history
            if described.is_landmark:
                self.landmarks.append((described.what, place))
        check(self.landmarks and ended, "the run wrote nothing, or has not ended")

    def __len__(self):
        return self.landmarks[-1][1]


class Position:
    """Where a run is in the order. Told of each write twice: before it is carried out and, if it is, afterwards."""

    def __init__(self, order, app):
        self.order, self.app = order, app
        self.place, self.passed, self.ended = 0, 0, 0
        self.strange = []  # landmarks that the undisturbed run did not have there

    def place_of(self, exchange):
        described = Described(exchange, self.app, self.ended)
        rest = self.order.landmarks[self.passed:]
        if not rest:
            return len(self.order) + 1
        what, place = rest[0]
        if described.is_landmark:
            return place if described.what == what else self.place
        return min(self.place + 1, place - 1)

    def carried_out(self, exchange):
        described = Described(exchange, self.app, self.ended)
        self.place = self.place_of(exchange)
        self.ended = described.history
        if not described.is_landmark:
            return
        if self.passed < len(self.order.landmarks) and self.order.landmarks[self.passed][0] == described.what:
            self.passed += 1
        else:
            self.strange.append(str(exchange))
