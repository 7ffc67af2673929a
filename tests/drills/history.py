"""What clients did and what the receiver saw, as a log, and the rule that judges it.

One JSON object a line: {"t": seconds, "type": ..., "key": ...} with type
  invoke   a client begins to post the message of this key
  ok       courier acknowledged it ("id")
  fail     courier said that it did not take it
  info     nobody knows: no answer, or one that leaves it open
  effect   the receiver got it ("id": the webhook-id)

The rule is that of Jepsen's set checker (jepsen/src/jepsen/checker.clj): valid if nothing that was acknowledged is lost and nothing
is there that nobody posted. What came of an `info` is "recovered" and allowed. Beside it: two ids for one key are a message that was
stored twice in spite of its idempotency key; the same id twice is a repeated delivery, which at-least-once allows and which is counted.
"""
import collections
import dataclasses
import json
import time


@dataclasses.dataclass
class Verdict:
    acknowledged: int
    lost: list          # keys that were acknowledged and never reached the receiver
    unexpected: list    # keys that reached it though no client posted them
    recovered: int      # keys that reached it though no client has an acknowledgement
    stored_twice: list  # keys with several ids, told to clients or delivered
    repeated: int       # deliveries beyond the first of each id


def check(records):
    """Judges the records of a history; their order does not matter."""
    posted, acknowledged, delivered, repeats = set(), set(), set(), collections.Counter()
    ids = collections.defaultdict(set)
    for record in records:
        kind, key = record["type"], record["key"]
        if kind == "invoke":
            posted.add(key)
        elif kind == "ok":
            acknowledged.add(key)
            ids[key].add(record["id"])
        elif kind == "effect":
            delivered.add(key)
            ids[key].add(record["id"])
            repeats[record["id"]] += 1
        elif kind not in ("fail", "info"):
            raise ValueError(f"type: '{kind}' is none of invoke, ok, fail, info, effect")
    return Verdict(len(acknowledged), sorted(acknowledged - delivered), sorted(delivered - posted),
                   len((delivered & posted) - acknowledged),
                   sorted(key for key, several in ids.items() if len(several) > 1), sum(repeats.values()) - len(repeats))


def lags(records, prefix="key-"):
    """{key: (when it was acknowledged, seconds from then until the receiver got it first)} of keys that begin so."""
    acknowledged, delivered = {}, {}
    for record in records:
        if record["type"] in ("ok", "effect") and record["key"].startswith(prefix):
            first = acknowledged if record["type"] == "ok" else delivered
            first[record["key"]] = min(record["t"], first.get(record["key"], record["t"]))
    return {key: (time, max(0.0, delivered[key] - time)) for key, time in acknowledged.items() if key in delivered}


def last_again(records):
    """When the last delivery came that was not the first of its id; None if each came once."""
    seen, last = set(), None
    for record in records:
        if record["type"] == "effect":
            last = record["t"] if record["id"] in seen else last
            seen.add(record["id"])
    return last


def read(path):
    """The records of a file. The checker reads what was written down, not what is remembered."""
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


class Log:
    """Appends to a file, whole lines, as the program of the clients does beside it."""

    def __init__(self, path):
        self.path = path
        self.file = open(path, "a", encoding="utf-8", buffering=1)  # until close()
        self.start = time.monotonic()

    def note(self, kind, key, **more):
        self.file.write(json.dumps({"t": round(time.monotonic() - self.start, 4), "type": kind, "key": key, **more}) + "\n")

    def close(self):
        self.file.close()
