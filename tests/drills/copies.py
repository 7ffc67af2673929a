"""One delivered message and one endpoint, read from every node ten times a second: both are answered from copies, also while there is no
database. {read: copies, for: 60}

  cached_reads_ok_percent  in the fault: of the message all reads (Redis shares it for a minute), of the endpoint those of the first 30 s,
                           for which a copy serves when nothing better can be had
  cached_reads             so many
"""
import asyncio
import json

import small_http
from world import Trouble

EVERY = 0.1      # s
STALE = 30       # s: L1::kStale of sample-service/cache/l1.h
DEADLINE = 1     # s


def ok_percent(reads, begin, end):
    """reads: (when, what, whether it was answered well)."""
    counted = [ok for time, what, ok in reads if begin <= time < (end if what == "message" else min(end, begin + STALE))]
    return {"cached_reads_ok_percent": round(100 * sum(counted) / len(counted), 2) if counted else None, "cached_reads": len(counted)}


async def endpoint(world):
    status, answer = await small_http.Client(world.fronts()[0].port).call(
        "POST", "/v1/endpoints", 5, json.dumps({"url": world.elsewhere + "/", "topics": ["nobody"]}).encode())
    if status != 201:
        raise Trouble(f"no endpoint could be made: {status} {answer.decode()}")
    return json.loads(answer)["id"]


async def delivered(faults):
    for _ in range(100):
        message = (await faults.program.tell())["delivered"]
        if message:
            return message
        await asyncio.sleep(0.05)
    raise Trouble("no message was delivered in 5 s")


async def read(faults, fault):
    until, reads = faults.load.now + fault["for"], []
    paths = {"endpoint": f"/v1/endpoints/{await endpoint(faults.world)}", "message": f"/v1/messages/{await delivered(faults)}"}

    async def one(node, what):
        client = small_http.Client(node.port)
        while faults.load.now < until:
            asked = faults.load.now
            try:
                status, _ = await client.call("GET", paths[what], DEADLINE, headers={"X-Request-Timeout-Ms": DEADLINE * 1000})
            except small_http.Refused:
                status = 0
            reads.append((asked, what, status == 200))
            await asyncio.sleep(EVERY)
    await asyncio.gather(*(one(node, what) for node in faults.world.fronts() for what in paths))
    if not faults.begins:
        raise Trouble("read: copies must last longer than the faults")
    faults.found.update(ok_percent(reads, min(faults.begins), max(faults.ends)))


KINDS = {"read": read}
