"""Somebody changes an endpoint each second, on the first node, while readers ask every node for it. {edit: endpoint, for: 8}

  stale_seconds        the longest time after a change was answered that a node still told the old version
  editor_errors        changes and reads that failed
  edits                changes
  hot_key_reads_share  reads of the endpoint that reached the database, by what may: one of each node for each life of a copy (the shortest,
                       1.28 s), and two for each change
"""
import asyncio
import json

import small_http
from world import Trouble

SHORTEST_LIFE = 1.28  # s: COURIER_CACHE_TTL less 20 %
ASK_EVERY = 0.05
READS = ("dependency_request_duration_seconds_count", 'dependency="database"', 'op="endpoint"')


class Editor:
    def __init__(self, world, load):
        self.world, self.load, self.errors, self.stale = world, load, 0, 0.0
        self.changes = {}  # version: when it was answered

    async def call(self, client, method, path, body=b"", headers=None):
        try:
            status, answer = await client.call(method, path, 5, body, {"X-Request-Timeout-Ms": 5000, **(headers or {})})
        except small_http.Refused:
            status, answer = 0, b""
        if status in (200, 201):
            return json.loads(answer)
        self.errors += 1
        return None

    async def read(self, node, path, until):
        client = small_http.Client(node.port)
        while self.load.now < until:
            asked = self.load.now
            answer = await self.call(client, "GET", path)
            missed = [time for version, time in self.changes.items() if answer and answer["version"] < version and time < asked]
            self.stale = max([self.stale, *(asked - time for time in missed)])
            await asyncio.sleep(ASK_EVERY)

    async def run(self, seconds):
        nodes = self.world.fronts()
        writer = small_http.Client(nodes[0].port)
        made = await self.call(writer, "POST", "/v1/endpoints",
                               json.dumps({"url": self.world.elsewhere + "/", "topics": ["nobody"]}).encode())
        if made is None:
            raise Trouble("no endpoint could be made")
        path, begun, before = f"/v1/endpoints/{made['id']}", self.load.now, await self.world.total(*READS)
        readers = [asyncio.ensure_future(self.read(node, path, begun + seconds)) for node in nodes]
        while self.load.now < begun + seconds - 1:
            answer = await self.call(writer, "PATCH", path,
                                     json.dumps({"maxInFlight": len(self.changes) % 100 + 1}).encode(), {"If-Match": "*"})
            if answer:
                self.changes[answer["version"]] = self.load.now
            await asyncio.sleep(1)
        await asyncio.gather(*readers)
        allowed = len(nodes) * (seconds / SHORTEST_LIFE + 1) + 2 * len(self.changes)
        return {"stale_seconds": round(self.stale, 2), "editor_errors": self.errors, "edits": len(self.changes),
                "hot_key_reads_share": round((await self.world.total(*READS) - before) / allowed, 2)}


async def edit(faults, fault):
    faults.found.update(await Editor(faults.world, faults.load).run(fault["for"]))


KINDS = {"edit": edit}
