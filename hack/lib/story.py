"""Tells a run as it goes, from the Rollout's status, with what the client sees beside it."""
import json
import time

import delivery as d

# What each stage of a run does and why, once when it begins.
STAGES = {
    "Pinning": "The API server holds the new template back. The Service is pinned to the pods that serve, so nothing can change for them.",
    "Creating": "A canary of the new template starts beside them.",
    "Joining": "The canary joins the HTTPRoute with weight 0, so that the gateway knows its pods before the first request.",
    "Filling": "Proven. The canary grows to full size before it gets all the traffic.",
    "Switching": "All traffic moves to the canary.",
    "Draining": "The HTTPRoute goes back to what it was; its Service leads to the canary's pods now.",
    "Moving": "The Deployment adopts the canary's pods, the very ones that were analysed, and lets the old ones go.",
    "Retreating": "All traffic goes back to the old pods, then the canary is removed:",
}
PAUSE = 5  # s between two lines about the same step


class Teller:
    def __init__(self, load):
        self.load = load
        self.told = set()
        self.weight = None
        self.quiet_until = 0

    def tell(self, status):
        run = status["run"]
        stage, weight = run["stage"], run["weight"]["observed"]
        if stage in STAGES and stage not in self.told:
            self.told.add(stage)
            d.say(STAGES[stage], 1)
            self.quiet_until = time.monotonic() + PAUSE
            if stage == "Retreating":
                d.say(run.get("why", ""), 2)
        if stage == "Stepping":
            self.step(run, weight)
        elif stage == "Creating" and self.is_time():
            d.say(status.get("summary", ""), 2)

    def is_time(self):
        """Not more often than every few seconds."""
        if time.monotonic() < self.quiet_until:
            return False
        self.quiet_until = time.monotonic() + PAUSE
        return True

    def step(self, run, weight):
        if weight == 0:
            return
        if weight != self.weight:
            self.weight = weight
            self.quiet_until = time.monotonic() + 2.5  # until the client's last two seconds are of this weight
            d.say(f"{weight}% of the traffic to the canary", 1)
        if not self.is_time():
            return
        shares = ", ".join(f"{who} {share:.0%}" for who, share in self.load.shares().items())
        d.say(f"the client's answers: {shares}", 2)
        for slo in run.get("slos", []):
            d.say(first_sentences(slo["message"]), 2)


def first_sentences(message, longest=200):
    """As many whole sentences as fit."""
    kept = ""
    for sentence in message.split(". "):
        if kept and len(kept) + len(sentence) > longest:
            break
        kept += sentence.rstrip(".") + ". "
    return kept.strip()


def follow(app, load, revision, seconds):
    """Tells the run of that revision until it is over; returns its entry in the history."""
    teller = Teller(load)
    for rollout in app.rollout.follow(seconds):
        status = rollout.get("status", {})
        for entry in status.get("history", []):
            if entry["revision"] == revision:
                return entry
        if status.get("run", {}).get("revision") == revision:
            teller.tell(status)
    raise d.Failed(f"run {revision} was not over within {seconds} s: {json.dumps(app.status)[:1500]}")
