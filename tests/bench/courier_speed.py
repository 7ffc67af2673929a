"""How fast and how frugal courier is, beside what it is made of: its edge beside common/http and bare Beast, its intake beside a bare
commit on the same disk; what overload does to it; its memory.

Everything runs on this machine, the load too, in rounds that take turns (A B A B ...); the figures are medians of the rounds. Gates are
printed, and a missed one does not fail the program: what is measured shares the cores with what measures it.
"""
import contextlib
import os

import courier_overload as overload
import delivery as d
from courier_ground import INTAKE, Ground, ask, file_system, median, pause
from figures import Conditions, Report, table
from process import Peak

TARGETS = ["courier", "courier-bench"]
STORES = ["sqlite", "postgres"]
NAMES = {"sqlite": "SQLite, FULL", "postgres": "PostgreSQL, fsync, 4 connections"}
CONNECTIONS = {"sqlite": 1, "postgres": 4}  # to the database: all that SQLite has, and courier's default
RATE = 4000  # of the open loop beside the edge
RESTING = 1000  # idle connections
FACTORS = (1, 2, 5)  # of the capacity; the gates are of the last one


def options(parser):
    parser.add_argument("--quick", action="store_true", help="a short look: one round, short phases")
    parser.add_argument("--part", action="append", choices=["edge", "intake", "overload", "memory"],
                        help="measure this only; may be repeated (default: all, about 12 minutes)")
    parser.add_argument("--rounds", type=int, metavar="N", help="that take turns (default: 5; quick: 1)")


class Lengths:
    def __init__(self, chosen):
        quick = chosen.quick
        self.rounds = chosen.rounds or (1 if quick else 5)
        self.phase = 1 if quick else 3
        self.calm, self.over, self.longest = (2, 3, 3) if quick else (10, 20, 60)
        self.steps = 2 if quick else 10
        self.deliveries = 500 if quick else 3000


def measure(chosen, top):
    lengths, figures, texts = Lengths(chosen), {}, []
    parts = {"edge": edge, "intake": intake, "overload": overloads, "memory": memory}
    conditions = Conditions(top)
    with Ground(top) as ground:
        conditions.known["disk"] = file_system(ground.folder)
        for part in chosen.part or parts:
            d.say(f"measuring: {part}")
            figures[part], text = parts[part](ground, lengths)
            texts.append(text)
    conditions.known["load"] = "on the same machine, one thread; beside it nothing else should run"
    return Report("courier", conditions, figures, "\n\n".join(texts))


# --- the edge ---

def edge_variants(ground, stack):
    """name -> (server, arguments of the load)."""
    about = '{"name":"courier","version":"0.1.0","pod":"bench"}\n'
    secret = "a" * 32
    keys = "key-1:" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    enter = stack.enter_context
    plain = enter(ground.courier(ground.database("sqlite"), pin=True, ENDPOINTS_ALLOWED="http://127.0.0.1:1"))
    closed = enter(ground.courier(ground.database("sqlite"), pin=True, ENDPOINTS_ALLOWED="http://127.0.0.1:1", AUTH="required",
                                  TOKEN_KEYS=keys, ADMIN_KEY=secret))
    open_path = endpoint(plain)
    administrator = token(closed, secret)
    key = ask(closed.port, "/v1/tenants/default/keys", "POST", {}, Authorization=f"Bearer {administrator}")[1]["key"]
    bearer = f"Bearer {token(closed, key)}"
    closed_path = endpoint(closed, Authorization=bearer)
    return {"Beast, bare": (enter(ground.bench_server("beast", "--body", about, pin=True)), ()),
            "common/http, constant answer": (enter(ground.bench_server("engine", "--body", about, pin=True)), ()),
            "courier, GET /version": (plain, ("--target", "/version")),
            "courier, GET an endpoint, from its copy": (plain, ("--target", open_path)),
            "the same with a token": (closed, ("--target", closed_path, "--header", f"Authorization: {bearer}"))}


def token(courier, key):
    status, answer = ask(courier.port, "/v1/tokens", "POST", Authorization=f"Bearer {key}")
    d.expect(status == 200, f"no token for a key: {status}")
    return answer["access_token"]


def endpoint(courier, **headers):
    status, made = ask(courier.port, "/v1/endpoints", "POST", {"url": "http://127.0.0.1:1/hook"}, **headers)
    d.expect(status == 201, f"no endpoint was made: {status}")
    return f"/v1/endpoints/{made['id']}"


def edge(ground, lengths):
    rounds = {}
    with contextlib.ExitStack() as stack:
        variants = edge_variants(ground, stack)
        for _ in range(lengths.rounds):
            for name, (server, arguments) in variants.items():
                full = ground.load(server, "closed:0.5", f"closed:{lengths.phase}", arguments=arguments, pin=True)
                even = ground.load(server, f"{RATE}:0.5", f"{RATE}:{lengths.phase}", arguments=arguments, pin=True)
                rounds.setdefault(name, []).append({"rate": full["phases"][1]["goodput"], "cpu_us": full["cpu_us"],
                                                    "p50_ms": even["phases"][1]["well"]["p50"], "p99_ms": even["phases"][1]["well"]["p99"]})
    found = {name: {**{figure: median([one[figure] for one in several]) for figure in several[0]}, "rounds": several}
             for name, several in rounds.items()}
    engine = found["common/http, constant answer"]
    rows = [[name, f"{one['rate']:,.0f}", f"{one['rate'] / engine['rate']:.2f}", f"{one['cpu_us']:.1f}",
             f"{one['cpu_us'] - engine['cpu_us']:+.1f}", f"{one['p50_ms']:.2f}", f"{one['p99_ms']:.2f}"] for name, one in found.items()]
    head = ["one event loop on one core", "requests/s", "/ engine", "CPU us", "- engine", f"p50 ms at {RATE}/s", "p99 ms"]
    return found, table(head, rows)


# --- intake ---

def intake_settings(store):
    # A receiver, so that each message has a delivery to be stored; nobody delivers, so that intake has the store for itself.
    role = {"ROLE": "api"} if store == "postgres" else {"WORKERS": 0}
    return {**role, "DATABASE_CONNECTIONS": CONNECTIONS["postgres"], "ENDPOINT": "http://127.0.0.1:1/"}


def intake(ground, lengths):
    rounds = {store: [] for store in STORES}
    with contextlib.ExitStack() as stack:
        couriers = {store: stack.enter_context(ground.courier(ground.database(store), **intake_settings(store))) for store in STORES}
        bare = {store: ground.database(store) for store in STORES}
        capacity = {store: capacity_of(ground, couriers[store], lengths) for store in STORES}
        for _ in range(lengths.rounds):
            for store in STORES:
                commits = ground.commits(bare[store], lengths.phase, CONNECTIONS[store])
                full = ground.load(couriers[store], f"closed:{lengths.phase}", arguments=INTAKE)
                even = ground.load(couriers[store], f"{0.8 * capacity[store]:.0f}:{lengths.phase}", arguments=INTAKE)
                calm = even["phases"][0]
                rounds[store].append({"bare": commits["rate"], "bare_p99_ms": commits["took"]["p99"],
                                      "accepted": full["phases"][0]["goodput"], "cpu_us": full["cpu_us"],
                                      "ratio": full["phases"][0]["goodput"] / commits["rate"], "calm_p50_ms": calm["well"]["p50"],
                                      "calm_p99_ms": calm["well"]["p99"], "calm_refused": calm["refused"]["count"]})
    found = {store: {**{figure: median([one[figure] for one in rounds[store]]) for figure in rounds[store][0]}, "rounds": rounds[store],
                     "deliveries": deliveries(ground, store, lengths.deliveries)} for store in STORES}
    rows = [[NAMES[store], f"{one['bare']:,.0f}", f"{one['accepted']:,.0f}", f"{one['ratio']:.2f}", f"{one['cpu_us']:.0f}",
             f"{one['bare_p99_ms']:.1f}", f"{one['calm_p50_ms']:.1f}", f"{one['calm_p99_ms']:.1f}", f"{one['deliveries']['rate']:,.0f}",
             one["deliveries"]["repeated"]] for store, one in found.items()]
    head = ["POST /v1/messages", "bare commits/s", "accepted/s", "ratio", "CPU us", "bare p99 ms", "p50 at 80 %", "p99 at 80 %",
            "delivered/s", "twice"]
    return found, table(head, rows)


def capacity_of(ground, courier, lengths):
    return ground.load(courier, "closed:1", f"closed:{lengths.phase}", arguments=INTAKE)["phases"][1]["goodput"]


def deliveries(ground, store, count):
    """Posted as fast as they are accepted, until the receiver has seen each: per second, and how many it saw twice."""
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(ground.bench_server("sink", path="/"))
        courier = stack.enter_context(ground.courier(ground.database(store), ENDPOINT=f"http://127.0.0.1:{sink.port}/"))
        begin = os.times().elapsed
        ground.load(courier, "closed:60", arguments=INTAKE, connections=8, requests=count)
        d.wait_for(f"the delivery of {count} messages", lambda: ask(sink.port, "/")[1]["effects"] >= count, 120, every=0.02)
        spent = os.times().elapsed - begin
        pause(1)  # for what might come twice
        return {"count": count, "rate": count / spent, "repeated": ask(sink.port, "/")[1]["repeated"]}


# --- overload ---

def overload_of(ground, courier, factor, lengths):
    capacity = capacity_of(ground, courier, lengths)
    calm, over = 0.8 * capacity, factor * capacity
    length = lengths.longest if factor == FACTORS[-1] else lengths.over
    before = courier.megabytes("VmRSS")
    with Peak(courier) as peak:
        result = ground.load(courier, f"{calm:.0f}:{lengths.calm}", f"{over:.0f}:{length}", f"{calm:.0f}:{lengths.calm}", arguments=INTAKE,
                             connections=256, may_fail=True)
    return {**overload.figures(capacity, factor, result, peak.megabytes - before), "connects": result["connects"]}


def overloads(ground, lengths):
    found, texts = {}, []
    for store in STORES:
        found[store] = []
        with ground.courier(ground.database(store), **intake_settings(store)) as courier:
            for factor in FACTORS:
                found[store].append(overload_of(ground, courier, factor, lengths))
                pause(1)
        rows = [[f"{one['factor']} x {one['capacity']:,}/s", f"{one['goodput']:,}", one["goodput_percent"], one["calm_p99_ms"],
                 one["accepted_p99_ms"], one["accepted_ratio"], one["refused"], one["failed"], one["refused_p99_ms"],
                 one["growth_megabytes"], "never" if one["recovery_seconds"] is None else one["recovery_seconds"]] for one in found[store]]
        texts.append(table([f"overload, {store}", "goodput/s", "% of peak", "p99 at 80 %", "accepted p99", "ratio", "refused",
                            "failed", "refused p99", "memory +MB", "calm after s"], rows))
        gates = [[f"{store}: {gate}", measured, wanted, "kept" if kept else "MISSED"]
                 for gate, measured, wanted, kept in overload.verdicts(found[store][-1])]
        texts.append(table([f"gates at {FACTORS[-1]} times the capacity", "found", "wanted", ""], gates))
    return found, "\n\n".join(texts)


# --- memory ---

def memory(ground, lengths):
    with ground.courier(ground.database("sqlite"), **intake_settings("sqlite")) as courier:
        pause(2)
        found = {"idle": courier.megabytes("VmRSS")}
        with Peak(courier) as peak:
            rest = ground.load(courier, f"200:{lengths.phase}", arguments=("--target", "/version"), connections=4, idle=RESTING)
        found |= {"resting": peak.megabytes, "resting_p99_ms": rest["phases"][0]["well"]["p99"]}
        found["steps"] = []
        for _ in range(lengths.steps + 1):  # the first one is the warm-up
            for arguments in (("--target", "/version"), INTAKE):
                ground.load(courier, "closed:120", arguments=arguments, requests=10_000)
            found["steps"].append(courier.megabytes("VmRSS"))
    warm, last = found["steps"][0], found["steps"][-1]
    rows = [["at rest, after its start", f"{found['idle']:.1f}"],
            [f"with {RESTING:,} idle connections", f"{found['resting']:.1f}"],
            ["  per connection, kB", f"{1024 * (found['resting'] - found['idle']) / RESTING:.1f}"],
            ["  p99 of GET /version beside them, ms", f"{found['resting_p99_ms']:.2f}"],
            ["after 10,000 reads and 10,000 messages", f"{warm:.1f}"],
            [f"after {lengths.steps} times as many more", f"{last:.1f}"], ["  growth", f"{last - warm:+.1f}"]]
    return found, table(["resident memory of courier, SQLite, MB", "found"], rows)
