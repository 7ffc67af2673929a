"""Clients of courier: an open-loop load over several nodes, and the receiver of its deliveries. Both write the history.

A request has an intended time of sending, whatever became of those before it; latency counts from that time. Clients take nodes in
turn. With `retry` a request that failed is tried once more on another node, within a budget of a fifth of all requests and ten a second
(Finagle's and Tower's defaults), and the first try gets half of the deadline, because a hung node answers nothing. With `tries` it is
tried so many times without any budget, as careless clients do.
"""
import asyncio
import dataclasses
import itertools
import json
import math
import time

import small_http
from small_http import Refused

IN_FLIGHT = 2000  # requests at a time; beyond it one counts as failed without being sent
LATE = 0.05       # s past the deadline that an answer may take to be read


@dataclasses.dataclass
class Request:
    sent: float      # intended, s since the load's start
    seconds: float   # until the client knew
    ok: bool
    why: str = ""    # of the last try
    retried: bool = False
    late: bool = False  # an answer came, after its deadline
    kind: str = "write"  # read, or repeat: a write whose key was acknowledged before
    shed: bool = False  # a try was answered 429 or 503
    conflict: bool = False  # the answer is 409: somebody holds the key


def every(number, share):
    """Whether the number-th of many, from 0, is one of so large a share of them, evenly spread."""
    return math.floor((number + 1) * share) > math.floor(number * share)


class Rotation:
    """The nodes that clients know, as a gateway does: what leaves is still called until the endpoints are updated."""

    def __init__(self):
        self.nodes, self.turn = [], itertools.count()

    def add(self, name, port):
        self.remove(name)
        self.nodes.append((name, small_http.Client(port)))

    def remove(self, name):
        for _, client in (node for node in self.nodes if node[0] == name):
            client.close()
        self.nodes = [node for node in self.nodes if node[0] != name]

    def next(self, but=None):
        nodes = [node for node in self.nodes if node is not but] or self.nodes
        return nodes[next(self.turn) % len(nodes)] if nodes else None


class Load:
    def __init__(self, plan, rotation, log, prefix="key", token=None, elsewhere=None):
        """plan: what drill.py explains. The factor may be changed while it runs. token: of the clients' tenant; elsewhere: URL of the
        receiver of that share."""
        self.plan, self.rotation, self.log, self.prefix, self.elsewhere = plan, rotation, log, prefix, elsewhere
        self.requests, self.known, self.factor, self.writes, self.acknowledged = [], [], 1, 0, []
        self.tokens, self.running, self.start = 100.0, set(), None
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.tries = plan["tries"] or (2 if plan["retry"] else 1)

    @property
    def now(self):
        return time.monotonic() - self.start

    async def run(self):
        self.start, sent = time.monotonic(), 0.0
        for number in itertools.count():
            await asyncio.sleep(max(0, sent - self.now))
            if sent >= self.plan["seconds"]:
                break
            self.tokens = min(100.0, self.tokens + 0.2 + 10 / (self.plan["rate"] * self.factor))
            if len(self.running) >= IN_FLIGHT:
                self.requests.append(Request(sent, 0, False, "too many in flight"))
            else:
                task = asyncio.ensure_future(self._request(number, sent, every(number, self.plan["writes"])))
                self.running.add(task)
                task.add_done_callback(self.running.discard)
            sent += 1 / (self.plan["rate"] * self.factor)
        await asyncio.gather(*self.running)

    def _post(self, number):
        """(kind, key, body) of the next write. A repeat has key and body of one that was acknowledged."""
        self.writes += 1
        if self.acknowledged and every(self.writes, self.plan["repeats"]):
            return ("repeat", *self.acknowledged[number % len(self.acknowledged)])
        far = every(self.writes, self.plan["elsewhere"])
        key = f"{'far' if far else self.prefix}-{number}"
        return "write", key, json.dumps({"payload": key, **({"endpoint": self.elsewhere} if far else {})}).encode()

    async def _request(self, number, sent, write):
        deadline = self.plan["deadline"] / 1000
        kind, key, body = self._post(number) if write else ("read", None, b"")
        if write:
            self.log.note("invoke", key)
        done, node, open_end = Request(sent, 0, False, kind=kind), self.rotation.next(), False
        for left in range(self.tries, 0, -1):
            status, answer, why = await self._try(node, key, number, body, (deadline - (self.now - sent)) / left)
            open_end, done.shed = open_end or status in (0, 504), done.shed or status in (429, 503)
            done.conflict, done.ok = status == 409, status in (200, 202) or (status == 409 and kind == "repeat")
            if done.ok or left == 1 or not self._may_retry():
                break
            done.retried, node = True, self.rotation.next(but=node)
        done.seconds, done.why = self.now - sent, why or str(status)
        done.late = status != 0 and done.seconds > deadline + LATE
        self.requests.append(done)
        if write and status == 202:
            if kind == "write":
                self.known.append(json.loads(answer)["id"])
                self.acknowledged.append((key, body))
            self.log.note("ok", key, id=json.loads(answer)["id"])
        elif kind == "write":
            self.log.note("info" if open_end else "fail", key, why=done.why)

    def _may_retry(self):
        if self.plan["tries"]:
            return True
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    async def _try(self, node, key, number, body, seconds):
        if node is None:
            return 0, b"", "no node"
        headers = {"X-Request-Timeout-Ms": max(1, int(seconds * 1000)), **self.headers}
        # The client's own patience is longer than the deadline: whether courier keeps it is for courier to show. A node that says
        # nothing is given up after the deadline all the same when another one can be asked.
        patience = max(0.01, seconds + (0 if self.tries > 1 else 1))
        try:
            if key:
                status, answer = await node[1].call("POST", "/v1/messages", patience, body,
                                                    {"Idempotency-Key": key, "Content-Type": "application/json", **headers})
            elif self.known and self.plan["reads"] == "messages":
                path = f"/v1/messages/{self.known[number % len(self.known)]}"
                status, answer = await node[1].call("GET", path, patience, headers=headers)
            else:
                status, answer = await node[1].call("GET", "/version", patience, headers=headers)
            return status, answer, ""
        except Refused as refused:
            return 0, b"", str(refused)


class Receiver:
    """Takes deliveries and notes each effect. mode: ok; errors (500, nothing is taken), silent (never answers, nothing is taken) or drops
    (the connection ends without an answer, nothing is taken), of a share of the calls; or repeats (500 for what it has already)."""

    def __init__(self, log):
        self.log, self.mode, self.share, self.calls, self.seen, self.server = log, "ok", 1.0, 0, set(), None

    async def start(self):
        self.server = await small_http.serve(self._answer)
        return small_http.port_of(self.server)

    async def _answer(self, method, path, headers, body):
        self.calls += 1
        if self.mode == "repeats" and headers["webhook-id"] in self.seen:
            return 500, b""
        if self.mode in ("errors", "silent", "drops") and every(self.calls, self.share):
            if self.mode == "drops":
                raise ConnectionAbortedError("as the drill wants")
            return None if self.mode == "silent" else (500, b"")
        key = json.loads(body)
        self.seen.add(headers["webhook-id"])
        self.log.note("effect", key, id=headers["webhook-id"])
        return 204, b""
