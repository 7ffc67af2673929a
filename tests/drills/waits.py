"""How long courier puts off deliveries that failed, as PostgreSQL sees it: full jitter, or all of them come back together?
{waits: retries, for: 30}

A trigger notes each delivery that is put off. After k attempts the wait is to be uniform between 1 s and 2^(2k-1) s, an hour at most
(sample-service/worker/worker.cpp), so the place of each wait between its ends is uniform between 0 and 1.

  jitter_distance  the largest distance between that and what was seen (the statistic of Kolmogorov and Smirnov): of 120 waits with full
                   jitter it is above 0.2 in one of 7,000 drills, without jitter, or with half of it, 0.5 and more
  waits_seen       so many
"""
import asyncio

from world import command, postgres

NOTE = ("CREATE TABLE drill_waits (attempts INTEGER, wait BIGINT)",
        """CREATE FUNCTION drill_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO drill_waits VALUES (NEW.attempts, NEW.run_after - (extract(epoch FROM clock_timestamp()) * 1000)::bigint);
             RETURN NULL; END $$""",
        """CREATE TRIGGER drill_note AFTER UPDATE ON deliveries FOR EACH ROW WHEN (OLD.lease_until > 0 AND NEW.lease_until = 0
             AND NEW.state = 0 AND NEW.attempts = OLD.attempts) EXECUTE FUNCTION drill_note()""")


def place(attempts, milliseconds):
    """Where between its ends a wait is; what PostgreSQL took to be told makes it a little shorter than it was drawn."""
    longest = min(2 ** (2 * attempts - 1), 3600)
    return min(1.0, max(0.0, (milliseconds / 1000 - 1) / (longest - 1)))


def distance(places):
    """Of the places' distribution function from that of the uniform distribution; None without any."""
    ordered = sorted(places)
    steps = [max((number + 1) / len(ordered) - one, one - number / len(ordered)) for number, one in enumerate(ordered)]
    return round(max(steps), 3) if steps else None


async def waits(faults, fault):
    async def ask(*statements):
        return await command("psql", "--quiet", "--tuples-only", "--no-align", postgres(faults.world.database),
                             *(f"--command={statement}" for statement in statements))
    await ask(*NOTE)
    await asyncio.sleep(fault["for"])
    rows = [line.split("|") for line in (await ask("SELECT attempts, wait FROM drill_waits")).split()]
    places = [place(int(attempts), int(wait)) for attempts, wait in rows]
    faults.found.update(jitter_distance=distance(places), waits_seen=len(places))


KINDS = {"waits": waits}
