"""Clients of courier: an open-loop load over several nodes, and the receiver of its deliveries. Both write the history.

They are a program of their own, tests/drills/load, which takes little of the machine that it shares with the couriers; here it is told what
to do. A request has an intended time of sending, whatever became of those before it; latency counts from that time. Clients take nodes in
turn. With `retry` a request that failed is tried once more on another node, within a budget of a fifth of all requests and ten a second, taken
over ten seconds (Finagle's and Tower's), and the first try gets half of the deadline, because a hung node answers nothing. With `tries` it is
tried so many times without any budget, as careless clients do.
"""
import asyncio
import contextlib
import dataclasses
import itertools
import json
import os
import time

import small_http

LATE = 0.05  # s past the deadline that an answer may take to be read


class Ended(Exception):
    """The program of the clients ended before it should have."""


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
    unauthorized: bool = False  # a try was answered 401 or 403


class Program:
    """Runs drill-load. One JSON object a line in both directions, see tests/drills/load/stage.h."""

    def __init__(self, path, log):
        """log: what it writes its part of the history to."""
        self.command = [path, "--history", log.path, "--start", str(log.start)]
        self.process, self.reading, self.said, self.loads = None, None, asyncio.Queue(), {}

    async def start(self):
        """The receiver's port."""
        self.process = await asyncio.create_subprocess_exec("setpriv", "--pdeathsig", "KILL", "--", *self.command,
                                                            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        self.reading = asyncio.ensure_future(self._read())
        return (await self._next())["receiver"]

    async def _read(self):
        async for line in self.process.stdout:
            words = json.loads(line)
            if "over" in words:
                self.loads[words["over"]].set_result(words)
            else:
                self.said.put_nowait(words)
        trouble = Ended(f"drill-load ended with {await self.process.wait()}; it says why above")
        for load in self.loads.values():
            if not load.done():
                load.set_exception(trouble)
        self.said.put_nowait(trouble)

    async def _next(self):
        words = await self.said.get()
        if isinstance(words, Ended):
            self.said.put_nowait(words)
            raise words
        return words

    def say(self, do, **words):
        if self.reading.done():
            raise Ended("drill-load has ended")
        self.process.stdin.write(json.dumps({"do": do, **words}).encode() + b"\n")

    async def load(self, name, **plan):
        """Holds a load; how far behind its times it was."""
        self.loads[name] = asyncio.get_running_loop().create_future()
        self.say("load", name=name, **plan)
        return await self.loads[name]

    async def tell(self):
        """Calls of the receiver, what was acknowledged and is not delivered, and the program's own seconds of a processor, until now. The
        history is written down by then."""
        self.say("tell")
        return await self._next()

    def behave(self, conduct="ok", share=1.0):
        """The receiver: ok; errors (500, nothing is taken), silent (never answers, nothing is taken) or drops (the connection ends without
        an answer, nothing is taken), of a share of the calls; or repeats (500 for what it has already)."""
        self.say("receiver", conduct=conduct, share=share)

    async def end(self):
        if self.process is None:
            return
        self.process.stdin.close()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.process.wait(), 5)
        if self.process.returncode is None:
            self.process.kill()
        await asyncio.gather(self.reading, return_exceptions=True)


class Rotation:
    """The nodes that clients know, as a gateway does: what leaves is still called until the endpoints are updated."""

    def __init__(self, program):
        self.program, self.nodes, self.turn = program, [], itertools.count()

    def add(self, name, port):
        self.remove(name)
        self.nodes.append((name, small_http.Client(port)))
        self.program.say("add", port=port)

    def remove(self, name):
        for _, client in (node for node in self.nodes if node[0] == name):
            client.close()
            self.program.say("remove", port=client.port)
        self.nodes = [node for node in self.nodes if node[0] != name]

    def next(self):
        return self.nodes[next(self.turn) % len(self.nodes)] if self.nodes else None


class Load:
    def __init__(self, plan, program, log, prefix="key", token=None, elsewhere=None):
        """plan: what drill.py explains. token: of the clients' tenant; elsewhere: URL of the receiver of that share."""
        self.plan, self.program, self.log, self.prefix, self.start = plan, program, log, prefix, None
        self.more = {**({"token": token} if token else {}), **({"elsewhere_url": elsewhere} if elsewhere else {})}
        self.requests, self.behind_ms = [], None

    @property
    def now(self):
        return time.monotonic() - self.start

    async def run(self):
        self.start = time.monotonic()
        path = os.path.join(os.path.dirname(self.log.path), f"requests-{self.prefix}.jsonl")
        tries = self.plan["tries"] or (2 if self.plan["retry"] else 1)
        plan = {key: self.plan[key] for key in ("rate", "seconds", "writes", "reads", "deadline", "repeats", "elsewhere")}
        over = await self.program.load(self.prefix, begin=self.start, tries=tries, budgeted=not self.plan["tries"], requests=path,
                                       **plan, **self.more)
        self.behind_ms = round(over["behind_ms"], 2)
        with open(path, encoding="utf-8") as file:
            self.requests = [Request(**json.loads(line)) for line in file]

    def hurry(self, factor):
        """So many times the rate of the plan from now on."""
        self.program.say("pace", load=self.prefix, factor=factor)
