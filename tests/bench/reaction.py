"""How soon the operator acts: on a canary that proves bad, and on an edited template.

Each repetition is an application with a release of which 30 % of the requests fail. All of it is real but kubelet, gateway and
Prometheus; the operator speaks to the API server through a proxy that notes the time of each request. A bare PATCH of a route
that nobody cares for, through the same proxy and without it, says how much of it is the API server and the test itself.
"""

import concurrent.futures
import http.client
import json
import socket
import time
import urllib.parse

from api import PATCHES, path_of
from figures import Report, summary, table
from promises import check
from scripted_world import World

TARGET = 300  # ms
ROWS = [("retreat", "last Prometheus answer of the deciding sample -> weight 0 answered", TARGET),
        ("decision", "  of that, until the PATCH leaves the operator", None),
        ("sample", "first Prometheus answer of the deciding sample -> weight 0 answered", None),
        ("canary", "template edit answered -> canary ReplicaSet created", TARGET),
        ("bare_proxy", "bare PATCH of a route through the same proxy", None),
        ("bare_direct", "bare PATCH of a route, directly", None)]


class BarePatch:
    """The cost of the smallest write on a kept connection, as the operator's user."""

    NAME = "bare"

    def __init__(self, world):
        world.create({**world.application(self.NAME).route("nobody"), "metadata": {"name": self.NAME}})
        self.world, self.count = world, 0
        proxy = urllib.parse.urlsplit(world.proxy.address)
        self.connections = {"bare_proxy": http.client.HTTPConnection(proxy.hostname, proxy.port, timeout=30),
                            "bare_direct": world.api.connect_bare()}
        for connection in self.connections.values():
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def measure(self):
        """Milliseconds of one PATCH each way."""
        return {way: self._patch(connection) for way, connection in self.connections.items()}

    def _patch(self, connection):
        self.count += 1
        body = json.dumps({"metadata": {"annotations": {"bench": str(self.count)}}})
        headers = {"Content-Type": PATCHES["merge"], "Authorization": f"Bearer {self.world.proxy.token}"}
        begun = time.monotonic()
        connection.request("PATCH", path_of(self.world.namespace, "httproute", self.NAME), body, headers)
        answer = connection.getresponse()
        text = answer.read()
        took = 1000 * (time.monotonic() - begun)
        check(answer.status == 200, f"the bare PATCH was answered with {answer.status}: {text}")
        return took


def repetition(world, name, bare):
    """Milliseconds by the names of ROWS; a list of them for the bare PATCHes."""
    app = world.application(name).deploy()
    around = [bare.measure() for _ in range(5)]
    app.release("app:2", error_share=0.3, requests_per_second=200)
    edited = time.monotonic()
    app.wait_outcome(1, "RolledBack")
    created = next(one for one in world.proxy.writes("replicasets") if one.method == "POST" and one.name.startswith(name + "-"))
    retreat = next(one for one in world.proxy.writes("httproutes", name) if marks_retreat(one))
    weights = [backend["weight"] for backend in retreat.body["spec"]["rules"][0]["backendRefs"] if backend["name"] == f"{name}-canary"]
    check((retreat.status, weights) == (200, [0]), f"the retreat of {name} gave the canary {weights}: {retreat}")
    check(created.status == 201, f"the canary of {name}: {created}")
    last = world.prometheus.last_answer_before(retreat.started, name + "-")
    first = min(one.sent for one in list(world.prometheus.answers) if one.at == last.at and name + "-" in one.query)
    spans = {"retreat": (last.sent, retreat.answered), "decision": (last.sent, retreat.started), "sample": (first, retreat.answered),
             "canary": (edited, created.answered)}
    return {**{row: [1000 * (end - begin)] for row, (begin, end) in spans.items()},
            **{way: [one[way] for one in around] for way in bare.connections}}


def marks_retreat(exchange):
    marks = exchange.body.get("metadata", {}).get("annotations") or {}
    return bool(marks.get("sluice.dev/retreat"))


def lane(suite, number, names):
    """One operator in a namespace of its own, and one application after the other."""
    with World(suite, f"{suite.namespace}-{number}") as world:
        bare = BarePatch(world)
        return [repetition(world, name, bare) for name in names]


def options(parser):
    parser.add_argument("--repetitions", type=int, default=20, metavar="N", help="releases that are rolled back (default: 20)")
    parser.add_argument("--lanes", type=int, default=1, metavar="N",
                        help="operators that work beside each other, each on releases one after the other (default: 1; more are "
                             "sooner over, but compete for the processor)")


def measure(chosen, suite, conditions):
    names = [f"web-{number}" for number in range(1, chosen.repetitions + 1)]
    lanes = min(chosen.lanes, len(names))
    print(f"{len(names)} bad releases, {lanes} at a time", flush=True)
    with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
        running = [pool.submit(lane, suite, number, names[number::lanes]) for number in range(lanes)]
        done = [one for future in running for one in future.result()]
    measured = {row: [value for one in done for value in one[row]] for row, _, _ in ROWS}
    figures = {row: {**{key: round(value, 1) for key, value in summary(values).items()}, "all": [round(value, 2) for value in values]}
               for row, values in measured.items()}
    return Report("operator", conditions, {"unit": "ms", "lanes": lanes, **figures}, text(figures))


def text(figures):
    rows = []
    for row, words, target in ROWS:
        found = figures[row]
        rows.append([words, found["count"], *(f"{found[key]:.1f}" for key in ("p50", "p95", "max")), f"< {target}" if target else ""])
    ratios = [f"{words}: {figures[row]['p50'] / figures['bare_proxy']['p50']:.1f} times a bare PATCH through the proxy at p50, "
              f"{figures[row]['p95'] / figures['bare_proxy']['p95']:.1f} times at p95" for row, words, target in ROWS if target]
    return table(["milliseconds", "n", "p50", "p95", "max", "p95 wanted"], rows) + "\n\n" + "\n".join(ratios)
