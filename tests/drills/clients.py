"""Clients of courier: an open-loop load over several nodes, and the receiver of its deliveries. Both write the history.

A request has an intended time of sending, whatever became of those before it; latency counts from that time. Clients take nodes in
turn. With `retry` a request that failed is tried once more on another node, within a budget of a fifth of all requests and ten a second
(Finagle's and Tower's defaults), and the first try gets half of the deadline, because a hung node answers nothing.
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
    kind: str = "write"


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
    def __init__(self, plan, rotation, log):
        """plan: rate (1/s), seconds, writes (share), reads (messages or version: the latter needs no database),
        deadline (ms), retry. The factor may be changed while it runs."""
        self.plan, self.rotation, self.log = plan, rotation, log
        self.requests, self.known, self.factor = [], [], 1
        self.tokens, self.running, self.start = 100.0, set(), None

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
            # Writes are spread evenly: a share of 0.2 is every fifth.
            write = math.floor((number + 1) * self.plan["writes"]) > math.floor(number * self.plan["writes"])
            if len(self.running) >= IN_FLIGHT:
                self.requests.append(Request(sent, 0, False, "too many in flight"))
            else:
                task = asyncio.ensure_future(self._request(number, sent, write))
                self.running.add(task)
                task.add_done_callback(self.running.discard)
            sent += 1 / (self.plan["rate"] * self.factor)
        await asyncio.gather(*self.running)

    async def _request(self, number, sent, write):
        deadline, key = self.plan["deadline"] / 1000, f"key-{number}"
        if write:
            self.log.note("invoke", key)
        retried, node, answer, open_end = False, self.rotation.next(), (0, b""), False
        for last in (False, True):
            patience = deadline - (self.now - sent)
            answer = await self._try(node, key, number, write, patience / 2 if self.plan["retry"] and not last else patience)
            open_end = open_end or answer[0] in (0, 504)
            if last or not self.plan["retry"] or self._good(answer[0]) or self.tokens < 1:
                break
            self.tokens, retried, node = self.tokens - 1, True, self.rotation.next(but=node)
        status, body, why = answer
        done = Request(sent, self.now - sent, self._good(status), why or str(status), retried, kind="write" if write else "read")
        done.late = status != 0 and done.seconds > deadline + LATE
        self.requests.append(done)
        if write and done.ok:
            self.known.append(json.loads(body)["id"])
            self.log.note("ok", key, id=self.known[-1])
        elif write:
            self.log.note("info" if open_end else "fail", key, why=done.why)

    @staticmethod
    def _good(status):
        return status in (200, 202)

    async def _try(self, node, key, number, write, seconds):
        if node is None:
            return 0, b"", "no node"
        headers = {"X-Request-Timeout-Ms": max(1, int(seconds * 1000))}
        # The client's own patience is longer than the deadline: whether courier keeps it is for courier to show. A node that says
        # nothing is given up after the deadline all the same when another one can be asked.
        patience = seconds + (0 if self.plan["retry"] else 1)
        try:
            if write:
                status, body = await node[1].call("POST", "/v1/messages", max(0.01, patience), json.dumps({"payload": key}).encode(),
                                                  {"Idempotency-Key": key, "Content-Type": "application/json", **headers})
            elif self.known and self.plan["reads"] == "messages":
                path = f"/v1/messages/{self.known[number % len(self.known)]}"
                status, body = await node[1].call("GET", path, max(0.01, patience), headers=headers)
            else:
                status, body = await node[1].call("GET", "/version", max(0.01, patience), headers=headers)
            return status, body, ""
        except Refused as refused:
            return 0, b"", str(refused)


class Receiver:
    """Takes deliveries and notes each effect. mode: ok, errors (500, nothing is taken) or silent (never answers, nothing is taken)."""

    def __init__(self, log):
        self.log, self.mode, self.seen, self.server = log, "ok", set(), None

    async def start(self):
        self.server = await small_http.serve(self._answer)
        return small_http.port_of(self.server)

    async def _answer(self, method, path, headers, body):
        if self.mode == "silent":
            return None
        if self.mode == "errors":
            return 500, b""
        key = json.loads(body)
        self.seen.add(headers["webhook-id"])
        self.log.note("effect", key, id=headers["webhook-id"])
        return 204, b""
