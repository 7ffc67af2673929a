"""How fast and how frugal courier is, beside what it is made of: its edge beside common/http and bare Beast, its intake beside the same
transactions without HTTP on the same disk; what overload does to it; its memory, also over ten minutes at 80 % of what it can do.

Everything runs on this machine, the load too, in rounds that take turns (A B A B ...); the figures are medians of the rounds. Gates are
printed, and a missed one does not fail the program: what is measured shares the cores with what measures it.
"""
import contextlib
import os

import courier_overload as overload
import delivery as d
from courier_ground import INTAKE, Ground, ask, file_system, median, pause
from figures import Conditions, Report, table
from process import Memory

TARGETS = ["courier", "courier-bench"]
STORES = ["sqlite", "postgres"]
NAMES = {"sqlite": "SQLite, FULL", "postgres": "PostgreSQL, fsync, 4 connections"}
CONNECTIONS = {"sqlite": 1, "postgres": 4}  # to the database: all that SQLite has, and courier's default
RATE = 4000  # of the open loop beside the edge
RESTING = 1000  # idle connections
FACTORS = (1, 2, 5)  # of the capacity, with the limits that are shipped; the gates are of the last one,
TUNED = 16  # and of the last one with this limit of intakes in work, which fits stores as fast as these
BEAST = "Beast, bare"
EMPTY = "courier, GET /version"
EDGE = 0.9  # of what bare Beast serves, at least
SAME = {"sqlite": 0.6}  # of the same transactions without HTTP, at least
FLAT = 10  # %: how far each minute's memory may be from the second one's


def options(parser):
    parser.add_argument("--quick", action="store_true", help="a short look: one round, short phases")
    parser.add_argument("--part", action="append", choices=["edge", "intake", "overload", "memory"],
                        help="measure this only; may be repeated (default: all, about 24 minutes)")
    parser.add_argument("--rounds", type=int, metavar="N", help="that take turns (default: 5; quick: 1)")


class Lengths:
    def __init__(self, chosen):
        quick = chosen.quick
        self.rounds = chosen.rounds or (1 if quick else 5)
        self.phase = 1 if quick else 3
        self.calm, self.over, self.longest = (2, 3, 3) if quick else (10, 20, 60)
        self.deliveries = 500 if quick else 3000
        self.minute, self.minutes = (3, 4) if quick else (60, 10)


def measure(chosen, top):
    lengths, figures, texts, gates = Lengths(chosen), {}, [], []
    parts = {"edge": edge, "intake": intake, "overload": overloads, "memory": memory}
    conditions = Conditions(top)
    with Ground(top) as ground:
        conditions.known["disk"] = file_system(ground.folder)
        for part in chosen.part or parts:
            d.say(f"measuring: {part}")
            figures[part], text, verdicts = parts[part](ground, lengths)
            texts.append(text)
            gates += verdicts
    conditions.known["load"] = "on the same machine, one thread; beside it nothing else should run"
    texts.append(table(["gate", "found", "wanted", ""],
                       [[gate, found, wanted, "kept" if kept else "MISSED"] for gate, found, wanted, kept in gates]))
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
    return {BEAST: (enter(ground.bench_server("beast", "--body", about, pin=True)), ()),
            "common/http, constant answer": (enter(ground.bench_server("engine", "--body", about, pin=True)), ()),
            EMPTY: (plain, ("--target", "/version")),
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
    bare = found[BEAST]
    for one in found.values():
        one["of_beast"] = median([mine["rate"] / beast["rate"] for mine, beast in zip(one["rounds"], bare["rounds"])])
    rows = [[name, f"{one['rate']:,.0f}", f"{one['of_beast']:.2f}", f"{one['cpu_us']:.1f}", f"{one['cpu_us'] - bare['cpu_us']:+.1f}",
             f"{one['p50_ms']:.2f}", f"{one['p99_ms']:.2f}"] for name, one in found.items()]
    head = ["one event loop on one core", "requests/s", "/ Beast", "CPU us", "- Beast", f"p50 ms at {RATE}/s", "p99 ms"]
    share = found[EMPTY]["of_beast"]
    return found, table(head, rows), [("empty route / bare Beast", f"{share:.2f}", f">= {EDGE}", share >= EDGE)]


# --- intake ---

def intake_settings(store):
    # A receiver, so that each message has a delivery to be stored; nobody delivers, so that intake has the store for itself.
    role = {"ROLE": "api"} if store == "postgres" else {"WORKERS": 0}
    return {**role, "DATABASE_CONNECTIONS": CONNECTIONS["postgres"], "ENDPOINT": "http://127.0.0.1:1/"}


def intake(ground, lengths):
    rounds = {store: [] for store in STORES}
    with contextlib.ExitStack() as stack:
        couriers = {store: stack.enter_context(ground.courier(ground.database(store), **intake_settings(store))) for store in STORES}
        bare = {(store, what): ground.database(store) for store in STORES for what in ("row", "intake")}
        capacity = {store: capacity_of(ground, couriers[store], lengths) for store in STORES}
        for _ in range(lengths.rounds):
            for store in STORES:
                row, same = (ground.commits(what, bare[store, what], lengths.phase, CONNECTIONS[store]) for what in ("row", "intake"))
                full = ground.load(couriers[store], f"closed:{lengths.phase}", arguments=INTAKE)
                even = ground.load(couriers[store], f"{0.8 * capacity[store]:.0f}:{lengths.phase}", arguments=INTAKE)
                calm, accepted = even["phases"][0], full["phases"][0]["goodput"]
                rounds[store].append({"row": row["rate"], "same": same["rate"], "same_p99_ms": same["took"]["p99"],
                                      "accepted": accepted, "cpu_us": full["cpu_us"], "ratio": accepted / same["rate"],
                                      "calm_p50_ms": calm["well"]["p50"], "calm_p99_ms": calm["well"]["p99"],
                                      "calm_refused": calm["refused"]["count"]})
    found = {store: {**{figure: median([one[figure] for one in rounds[store]]) for figure in rounds[store][0]}, "rounds": rounds[store],
                     "deliveries": deliveries(ground, store, lengths.deliveries)} for store in STORES}
    rows = [[NAMES[store], f"{one['row']:,.0f}", f"{one['same']:,.0f}", f"{one['accepted']:,.0f}", f"{one['ratio']:.2f}",
             f"{one['cpu_us']:.0f}", f"{one['same_p99_ms']:.1f}", f"{one['calm_p50_ms']:.1f}", f"{one['calm_p99_ms']:.1f}",
             f"{one['deliveries']['rate']:,.0f}", one["deliveries"]["repeated"]] for store, one in found.items()]
    head = ["POST /v1/messages", "one row/s", "same, no HTTP/s", "accepted/s", "/ same", "CPU us", "same p99 ms", "p50 at 80 %",
            "p99 at 80 %", "delivered/s", "twice"]
    gates = [(f"intake / the same without HTTP, {NAMES[store]}", f"{found[store]['ratio']:.2f}", f">= {wanted}",
              found[store]["ratio"] >= wanted) for store, wanted in SAME.items()]
    return found, table(head, rows), gates


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
    with Memory(courier) as watched:
        result = ground.load(courier, f"{calm:.0f}:{lengths.calm}", f"{over:.0f}:{length}", f"{calm:.0f}:{lengths.calm}", arguments=INTAKE,
                             connections=256, may_fail=True)
    return {**overload.figures(capacity, factor, result, watched.growth), "connects": result["connects"]}


def limit_of(found):
    return f", limit {found['limit']}" if found["limit"] else ""


def overloads(ground, lengths):
    found, texts, gates = {}, [], []
    for store in STORES:
        found[store] = []
        for limit, factors in ((None, FACTORS), (TUNED, FACTORS[-1:])):
            settings = intake_settings(store) | ({"LIMIT_INTAKE": limit} if limit else {})
            with ground.courier(ground.database(store), **settings) as courier:
                for factor in factors:
                    found[store].append({"limit": limit, **overload_of(ground, courier, factor, lengths)})
                    pause(1)
        rows = [[f"{one['factor']} x {one['capacity']:,}/s{limit_of(one)}", f"{one['goodput']:,}", one["goodput_percent"],
                 one["calm_p99_ms"], one["accepted_p99_ms"], one["accepted_ratio"], one["refused"], one["failed"],
                 one["refused_p99_ms"], one["growth_megabytes"], "never" if one["recovery_seconds"] is None else one["recovery_seconds"],
                 " / ".join(str(share) for share in one["well_percent"])] for one in found[store]]
        texts.append(table([f"overload, {store}", "goodput/s", "% of peak", "p99 at 80 %", "accepted p99", "ratio", "refused",
                            "failed", "refused p99", "memory +MB", "calm after s", "calm %, before / after"], rows))
        gates += [(f"{one['factor']} x, {store}{limit_of(one)}: {gate}", *verdict) for one in found[store] if one["factor"] == FACTORS[-1]
                  for gate, *verdict in overload.verdicts(one)]
    return found, "\n\n".join(texts), gates


# --- memory ---

def memory(ground, lengths):
    with ground.courier(ground.database("sqlite"), **intake_settings("sqlite")) as courier:
        pause(2)
        found = {"idle": courier.megabytes("VmRSS")}
        with Memory(courier) as watched:
            rest = ground.load(courier, f"200:{lengths.phase}", arguments=("--target", "/version"), connections=4, idle=RESTING)
        found |= {"resting": watched.peak, "resting_p99_ms": rest["phases"][0]["well"]["p99"], **long_run(ground, lengths)}
    far = max(abs(100 * (one / found["minutes"][1] - 1)) for one in found["minutes"][2:])
    rows = [["at rest, after its start", f"{found['idle']:.1f}"],
            [f"with {RESTING:,} idle connections", f"{found['resting']:.1f}"],
            ["  per connection, kB", f"{1024 * (found['resting'] - found['idle']) / RESTING:.1f}"],
            ["  p99 of GET /version beside them, ms", f"{found['resting_p99_ms']:.2f}"],
            [f"taking and delivering {found['rate']:.0f} messages/s (80 %)", ""],
            *([f"  part {part} of {lengths.minutes}, {lengths.minute} s each", f"{one:.1f}"] for part, one in enumerate(found["minutes"], 1))]
    return found, table(["resident memory of courier, SQLite, MB", "found"], rows), [
        ("memory from the second minute on, % away from it", f"{far:.1f}", f"<= {FLAT}", far <= FLAT)]


def long_run(ground, lengths):
    """80 % of what a courier alone takes and delivers at a time, for ten minutes: the median of its memory in each minute."""
    rate = 0.8 * deliveries(ground, "sqlite", lengths.deliveries)["rate"]
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(ground.bench_server("sink", path="/"))
        courier = stack.enter_context(ground.courier(ground.database("sqlite"), ENDPOINT=f"http://127.0.0.1:{sink.port}/"))
        minutes, refused = [], 0
        for _ in range(lengths.minutes):
            with Memory(courier) as watched:
                told = ground.load(courier, f"{rate:.0f}:{lengths.minute}", arguments=INTAKE)
            minutes.append(round(median(watched.megabytes), 2))
            refused += told["phases"][0]["refused"]["count"]
        return {"rate": rate, "minutes": minutes, "refused": refused, "effects": ask(sink.port, "/")[1]["effects"]}
