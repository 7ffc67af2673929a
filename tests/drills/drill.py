"""One drill: a YAML file in, figures and a verdict out. hack/drill runs them.

  name, pattern      what it is called, and which row of the acceptance table it belongs to
  topology           api, worker: processes; store: postgres or sqlite (one process of role all); redis, redis_cache: true;
                     settings: environment; tenants: [default, ...]: tokens are needed; descriptors: so many at most; disk: 16m, a file
                     system of its own of this size; clocks: nodes whose clock can be set
  load               rate (1/s), seconds, writes (share), reads (messages, or version, which needs no database), deadline (ms),
                     retry (one more try on another node, within a budget) or tries (so many, without one),
                     repeats: share of the writes that repeat an earlier one, for which 409 is a good answer,
                     elsewhere: share of the writes to another receiver
  lag, settle        s until a dead node leaves the rotation (1); s that all work may take to end after the load (30)
  faults             see faults.py
  pairs              how often the faults begin and end: latency is compared in so many pairs (pairs.py). A gate of a ratio of p99s needs it
  warm               s of the load that do not count as the calm before the fault (0)
  scene              faults that are not the drill's subject: what is measured "in the fault" is not about them
  may_fire           alerts that the scene itself may fire
  gates              see gates.py; lost, unexpected, stored_twice, unlive, bad_exits (a sanitizer's too) and early_alerts are 0 in every
                     drill
  must_break         gates that must not hold: the drill shows that they can fail
  short              keys that replace those above in the short form; without it the drill has no short form. Its deadline is 5000
                     unless one is named
"""
import asyncio
import os

import alerts
import gates
import histogram
import history
import pairs
import resources
from faults import Faults
from clients import Load, Program, Rotation
from world import Trouble, World
import yaml

COURIER, LOADER = "sample-service/courier", "tests/drills/load/drill-load"  # of a build
NEEDED = ("name", "pattern", "topology", "load", "faults", "gates")
OF_SPEED = ["DatabaseSlow", "NodeHung", "Overloaded"]  # alerts that a busy machine fires; short forms must not depend on it
LOAD = {"writes": 0.5, "reads": "messages", "deadline": 1000, "retry": True, "tries": 0, "repeats": 0, "elsewhere": 0}


def read(path, short):
    """The drill of a file, or None if it has no short form."""
    with open(path, encoding="utf-8") as file:
        drill = yaml.safe_load(file)
    missing = [key for key in NEEDED if key not in drill]
    unknown = set(drill) - set(NEEDED) - {"lag", "settle", "must_break", "short", "scene", "may_fire", "pairs", "warm"}
    if missing or unknown:
        raise Trouble(f"{path}: missing: {', '.join(missing) or 'nothing'}; unknown: {', '.join(sorted(unknown)) or 'nothing'}")
    if short and "short" not in drill:
        return None
    if short:
        for key, value in (drill["short"] or {}).items():
            drill[key] = {**drill[key], **value} if key in ("load", "topology") else value
        drill["may_fire"] = [*drill.get("may_fire", []), *OF_SPEED]
        drill["load"].setdefault("deadline", 5000)
        drill.pop("pairs", None)
    drill["load"] = {**LOAD, **drill["load"]}
    last = max(fault["at"] + fault.get("for", 0) for fault in [*drill["faults"], *drill.get("scene", [])])
    if last > drill["load"]["seconds"]:
        raise Trouble(f"{path}: a fault ends at {last} s, after the load")
    alone = [gate for gate in drill["gates"] if gate.endswith("p99_ratio")]
    if alone and not drill.get("pairs"):
        raise Trouble(f"{path}: a gate of {', '.join(alone)} needs 'pairs: 3': one p99 by another says little")
    return drill


async def hold(drill, folder, build):
    """Holds a drill with the programs of a build; returns its figures. `folder` keeps history.jsonl and the couriers' log."""
    log = history.Log(os.path.join(folder, "history.jsonl"))
    clients = Program(os.path.join(build, LOADER), log)
    rotation, world, tasks = Rotation(clients), None, []
    try:
        world = World(drill, folder, os.path.join(build, COURIER), await clients.start())
        await world.start()
        for node in world.fronts():
            rotation.add(node.name, node.port)
        load = Load(drill["load"], clients, log, token=world.tenants.get("default"), elsewhere=world.elsewhere + "/")
        watch = alerts.Watch(lambda: [*world.nodes.values(), *world.others], lambda: load.now)
        faults = Faults(drill, world, load, rotation, clients)
        tasks = [asyncio.ensure_future(one) for one in (load.run(), faults.run())]
        await asyncio.sleep(0)
        kernel = resources.Watch(lambda: world.nodes.values(), lambda: load.now)
        tasks += [asyncio.ensure_future(one) for one in (watch.run(), kernel.run())]
        limit = drill["load"]["seconds"] + 60
        await asyncio.wait_for(asyncio.gather(*tasks[:2]), limit)
        told = histogram.apart(await world.scrapes(), [request.seconds for request in load.requests if request.ok])
        settled = await settle(load, clients, world, drill.get("settle", 30))
        attempts = await calls(clients, world, load)
    except asyncio.TimeoutError:
        raise Trouble(f"not over after {limit} s") from None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if world:
            await world.end()
        await clients.end()
        log.close()
    spans = periods(drill, faults)
    begin, end = spans[0][0], spans[-1][1]
    records, since = history.read(log.path), load.start - log.start
    figures = gates.measure(load.requests, spans, drill["load"]["seconds"], history.check(records), bool(drill.get("pairs")),
                            drill.get("warm", 0))
    again = history.last_again(records)
    figures.update(gates.measure_lags(history.lags(records), [(begin + since, end + since) for begin, end in spans]), **attempts,
                   series=watch.series, redelivery_seconds=round(again - since - begin, 2) if again else None)
    if faults.peaks:
        figures["goodput_of_peak_percent"] = gates.percent(gates.goodput(load.requests, spans), gates.goodput(load.requests, faults.peaks))
    exits = [status for node in world.nodes.values() for status in node.exits]
    early = [rule for rule, time in watch.fired.items() if time < begin and rule not in drill.get("may_fire", [])]
    return {**figures, **faults.found, "settle_seconds": settled, "bad_exits": sum(1 for status in exits if status != 0),
            "unlive": len(watch.unlive), "unready": len(watch.unready), "early_alerts": len(early),
            "fault_seconds": [round(end - begin, 1) for begin, end in spans], "pool_connections": kernel.connections,
            "memory_growth_mb": resources.growth(kernel.memory, spans), "histogram_buckets_off": told,
            "alert_seconds": {rule: round(min(after) - begin, 1) for rule, times in watch.times.items()
                              if (after := [time for time in times if time >= begin])}}


def periods(drill, faults):
    """The periods of the fault: one, from the first fault's begin to the last one's end, or as many as there are to be pairs."""
    wanted = drill.get("pairs")
    if not wanted:
        return [(min(faults.begins), max(faults.ends))]
    found = pairs.spans(zip(faults.begins, faults.ends))
    if len(found) != wanted:
        raise Trouble(f"pairs: {wanted} are wanted, but the faults made {len(found)} periods")
    return found


async def settle(load, clients, world, limit):
    """Seconds from the load's end until all that was acknowledged is delivered and the queue is empty; None if it takes longer."""
    begin = load.now
    while load.now < begin + limit:
        if (await clients.tell())["undelivered"] == 0 and await world.queue_depth() == 0:
            return round(load.now - begin, 1)
        await asyncio.sleep(0.2)
    return None


async def calls(clients, world, load):
    """Calls of the receiver by deliveries that were tried, as courier counts them; and how often the budget for more was used up. Beside
    it what the clients took of the machine and how late they were themselves."""
    tried = sum([await world.total("job_duration_seconds_count", f'outcome="{outcome}"') for outcome in ("delivered", "failed", "cut")])
    told = await clients.tell()
    return {"calls_per_job": round(told["calls"] / tried, 3) if tried else None,
            "budget_exhausted": await world.total("retry_budget_exhausted_total", 'dependency="receiver"'),
            "load_cpu_seconds": round(told["cpu_seconds"], 2), "load_behind_ms": load.behind_ms}
