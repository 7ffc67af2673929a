"""A worker that is stopped for longer than its loans last, and then goes on: everything that it reports must be refused, because others
have taken over by then. PostgreSQL says what it had on loan, its log says what was refused.
"""
import asyncio
import time

from world import Trouble, command, postgres

SECONDS = 10  # that a loan lasts
STALE = "was lent to another worker meanwhile, or has ended"  # sample-service/store/sql_deliveries.cpp


async def of_the_stopped(world):
    """{message: fencing number} of what a worker has on loan which was stopped just now. Of the others' loans none is as old after three
    seconds."""
    last = round((time.time() + SECONDS) * 1000)
    await asyncio.sleep(3)
    return await numbers(world, f"lease_until BETWEEN 1 AND {last}")


async def numbers(world, which):
    found = await command("psql", "--quiet", "--tuples-only", "--no-align", postgres(world.database), "--command",
                          f"SELECT message, fence FROM deliveries WHERE {which}")
    return {message: int(fence) for message, fence in (line.split("|") for line in found.split())}


async def taken_over(world, lent):
    """Returns when others have had each of the loans."""
    listed = ", ".join(f"'{message}'" for message in lent)
    for _ in range(100):
        now = await numbers(world, f"message IN ({listed or 'NULL'})")
        if all(now[message] > fence for message, fence in lent.items()):
            return
        await asyncio.sleep(0.3)
    raise Trouble("nobody took over the loans of the stopped worker")


async def refused(lent, node):
    """What became of its reports."""
    for _ in range(200):
        with open(node.log_path, encoding="utf-8") as file:
            lines = [line for line in file if STALE in line]
        missing = [message for message in lent if not any(message in line for line in lines)]
        if not missing:
            break
        await asyncio.sleep(0.1)
    return {"stale_loans": len(lent), "stale_refused_percent": round(100 * (1 - len(missing) / len(lent)), 1) if lent else None}
