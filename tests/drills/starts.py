"""When PostgreSQL began to store a message, by its own clock, which is this machine's. {note: starts, for: 30}

Each row of messages gets the time as it is inserted; in the end it is compared with the time at which the client began to post it.

  queries_after_expiry  messages that courier began to store when the client had given up: deadline and 50 ms after it began
  queries_seen          messages
"""
import asyncio
import json
import time

import history
from clients import LATE
from world import command, postgres


def after_expiry(rows, records, deadline):
    """rows: (key, when its row was inserted), in the history's time. Keys that nobody posted do not count."""
    begun = {record["key"]: record["t"] for record in records if record["type"] == "invoke"}
    seen = [(key, started) for key, started in rows if key in begun]
    return {"queries_after_expiry": sum(started > begun[key] + deadline + LATE for key, started in seen), "queries_seen": len(seen)}


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
    faults.found.update(after_expiry(rows, history.read(log.path), faults.load.plan["deadline"] / 1000))


KINDS = {"note": note}
