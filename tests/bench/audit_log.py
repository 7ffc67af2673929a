"""Reads from the API server's audit log who asked for what in a span of time."""

import collections
import datetime
import json
import os

LEASES, WATCHES, OTHERS = "lease renewals", "watch restarts", "other requests"


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def class_of(event):
    """Of one request; a list, which a watch begins with or comes back to, is one of the others."""
    if event.get("objectRef", {}).get("resource") == "leases":
        return LEASES
    return WATCHES if event["verb"] == "watch" else OTHERS


class AuditLog:
    """One user's part of the log, from the moment of construction on."""

    def __init__(self, path, user):
        self.path, self.user = path, user
        self.offset = os.path.getsize(path)
        self.begun = now()

    def requests(self, begin, end):
        """The requests that arrived from begin to end, each once: a watch is noted when it begins and when it ends."""
        found = {}
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # still being written
                event = json.loads(line)
                arrived = datetime.datetime.fromisoformat(event["requestReceivedTimestamp"].replace("Z", "+00:00"))
                if event["user"]["username"] == self.user and begin <= arrived < end:
                    found[event["auditID"]] = event
        return list(found.values())

    def counts(self, begin, end):
        """{class: {"verb resource": count}}; every class is there."""
        counted = {LEASES: collections.Counter(), WATCHES: collections.Counter(), OTHERS: collections.Counter()}
        for event in self.requests(begin, end):
            target = event.get("objectRef")
            what = "/".join(target[key] for key in ("resource", "subresource") if key in target) if target else event["requestURI"]
            counted[class_of(event)][f"{event['verb']} {what}"] += 1
        return counted
