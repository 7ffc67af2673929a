"""Racing duplicates: many clients post the same message under the same idempotency key at once, and each repeats it until it is told that
the message was taken. Nodes may die meanwhile. {race: 200, copies: 50} is 200 keys, each with 50 clients.

  bodies_differ     answers 202 for a key that were not byte for byte the first one, also when asked again after all nodes are back
  mismatches_taken  keys of which another body was not refused with 422
  race_late         answers later than the deadline
  race_unanswered   clients that were never told
  replays           answers 202 beyond the first of each key
"""
import asyncio
import collections
import json
import time

from clients import LATE
from small_http import Refused

KEYS_AT_A_TIME = 4
PATIENCE = 30  # s of a client
DEADLINE = 2


class Race:
    def __init__(self, rotation, log):
        self.rotation, self.log = rotation, log
        self.bodies, self.count = collections.defaultdict(collections.Counter), collections.Counter()

    async def ask(self, key, payload):
        """(status, body) of one request; 0: no answer."""
        node, begun = self.rotation.next(), time.monotonic()
        try:
            status, body = await node[1].call("POST", "/v1/messages", DEADLINE + 1, json.dumps({"payload": payload}).encode(),
                                              {"Idempotency-Key": key, "X-Request-Timeout-Ms": DEADLINE * 1000})
        except Refused:
            return 0, b""
        self.count["late"] += time.monotonic() - begun > DEADLINE + LATE
        self.count[status] += 1
        return status, body

    async def insist(self, key, payload, wanted):
        """Asks until it is told what it wants or something final; the status."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            status, body = await self.ask(key, payload)
            if status == 202 == wanted:
                self.bodies[key][body] += 1
                self.log.note("ok", key, id=json.loads(body)["id"])
            if status in (202, 400, 422):
                return status
            await asyncio.sleep(0.05)
        return 0

    async def key(self, key, copies):
        self.log.note("invoke", key)
        statuses = await asyncio.gather(*(self.insist(key, key, 202) for _ in range(copies)))
        self.count["unanswered"] += sum(status != 202 for status in statuses)
        self.count["mismatches_taken"] += await self.insist(key, key + " otherwise", 422) != 422

    async def run(self, keys, copies):
        places = asyncio.Semaphore(KEYS_AT_A_TIME)

        async def one(key):
            async with places:
                await self.key(key, copies)
        await asyncio.gather(*(one(f"race-{number}") for number in range(keys)))

    async def again(self):
        """All keys once more, of every node."""
        for _ in self.rotation.nodes:
            for key in list(self.bodies):
                self.count["unanswered"] += await self.insist(key, key, 202) != 202


async def race(faults, fault):
    runner = Race(faults.rotation, faults.load.log)
    await runner.run(fault["race"], fault["copies"])
    while len(faults.rotation.nodes) < len(faults.world.fronts()):  # until the one that was killed is back
        await asyncio.sleep(0.1)
    await runner.again()
    answers = sum(sum(bodies.values()) for bodies in runner.bodies.values())
    faults.found.update(bodies_differ=sum(len(bodies) - 1 for bodies in runner.bodies.values()), race_late=runner.count.pop("late"),
                        mismatches_taken=runner.count.pop("mismatches_taken"), race_unanswered=runner.count.pop("unanswered"),
                        replays=answers - fault["race"], race_statuses={str(key): n for key, n in sorted(runner.count.items())})


KINDS = {"race": race}
