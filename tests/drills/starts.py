"""When PostgreSQL began to store a message, by its own clock, which is this machine's. {note: starts, for: 30}

Each row of messages gets the time as it is inserted; in the end it is compared with the time at which the client knew that nothing came
of it. (Not with its deadline: a courier that is left without a processor reads a request late, and means to keep what it reads then.)

  queries_after_expiry  messages that courier began to store more than 50 ms after their client was told no, or gave up
  queries_seen          messages
"""
import asyncio
import json
import math
import time

import history
from clients import LATE
from world import command, postgres


def after_expiry(rows, records):
    """rows: (key, when its row was inserted), in the history's time."""
    told = {record["key"]: record["t"] for record in records if record["type"] in ("info", "fail")}
    return {"queries_after_expiry": sum(started > told.get(key, math.inf) + LATE for key, started in rows), "queries_seen": len(rows)}


async def note(faults, fault):
    async def ask(statement):
        return await command("psql", "--quiet", "--tuples-only", "--no-align", postgres(faults.world.database), "--command", statement)
    await ask("ALTER TABLE messages ADD COLUMN started TIMESTAMPTZ DEFAULT clock_timestamp()")
    await asyncio.sleep(fault["for"])
    log = faults.load.log
    since = time.time() - (time.monotonic() - log.start)
    lines = (await ask("SELECT extract(epoch FROM started) || ' ' || payload FROM messages")).splitlines()
    rows = [(json.loads(payload), float(started) - since) for started, payload in (line.split(" ", 1) for line in lines)]
    await faults.program.tell()  # and writes down what it has
    faults.found.update(after_expiry(rows, history.read(log.path)))


KINDS = {"note": note}
