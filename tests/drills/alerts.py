"""What somebody on call would be told: rules over what the nodes' admin ports say, twice a second.

A rule names a cause. It looks at one node's scrape and the one before:
{"up": ok|refused|silent, "live": status, "metrics": {series: value}}. It fires when it holds twice in a row on any node.
"""
import asyncio
import re

import small_http

EVERY = 0.5  # s
SERIES = re.compile(r'^(\w+(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?) ([-+.\deE]+|NaN|[+-]Inf)$', re.M)


def parse(text):
    return {name: float(value) for name, value in SERIES.findall(text)}


def total(scrape, name, *labels, without=()):
    return sum(value for series, value in scrape["metrics"].items() if series.split("{")[0] == name
               and all(label in series for label in labels) and not any(label in series for label in without))


def grew(name, *labels, without=()):
    return lambda now, before: before["up"] == now["up"] == "ok" and \
        total(now, name, *labels, without=without) > total(before, name, *labels, without=without)


def is_up(now):
    return now["up"] == "ok"


RULES = {
    "NodeDown": lambda now, before: now["up"] == "refused",
    "NodeHung": lambda now, before: now["up"] == "silent",
    "DatabaseFailing": grew("dependency_request_duration_seconds_count", 'dependency="database"', 'outcome="failed"'),
    "DatabaseSlow": grew("db_slow_queries_total"),
    "BrokerDown": lambda now, before: is_up(now) and now["metrics"].get("broker_up") == 0,
    "ReceiverFailing": lambda now, before: is_up(now) and total(now, "circuit_state") > 0,
    "ClockOff": lambda now, before: is_up(now) and abs(now["metrics"].get("clock_ahead_seconds", 0)) > 5,
    "Overloaded": grew("http_requests_rejected_total", without=('reason="deadline"', 'reason="quota"')),
}


class Watch:
    """Scrapes all nodes until it is ended. fired: rule -> time it fired first; times: rule -> each time it held; unlive, unready: each
    failed /livez, /readyz; series: most of a node."""

    def __init__(self, nodes, clock):
        """nodes, clock: functions that tell them as they are now."""
        self.nodes, self.clock = nodes, clock
        self.before, self.held, self.fired, self.times, self.unlive, self.unready, self.series = {}, {}, {}, {}, [], [], 0

    async def scrape(self, node):
        try:
            client = small_http.Client(node.admin)
            live, _ = await client.call("GET", "/livez", 1)
            ready, _ = await client.call("GET", "/readyz", 1)
            _, text = await client.call("GET", "/metrics", 1)
            client.close()
            return {"up": "ok", "live": live, "ready": ready, "metrics": parse(text.decode())}
        except small_http.Refused as refused:
            return {"up": "silent" if "time out" in str(refused) else "refused", "live": 0, "metrics": {}}

    def judge(self, name, now, time):
        before = self.before.get(name, {"up": "none", "metrics": {}})
        for rule, holds in RULES.items():
            held = self.held[name, rule] = self.held.get((name, rule), 0) + 1 if holds(now, before) else 0
            if held >= 2:
                self.fired.setdefault(rule, time)
                self.times.setdefault(rule, []).append(time)
        if now["up"] == "ok" and now["live"] != 200:
            self.unlive.append((name, round(time, 1), now["live"]))
        if now["up"] == "ok" and now.get("ready", 200) != 200:
            self.unready.append((name, round(time, 1), now["ready"]))
        self.series = max(self.series, len(now["metrics"]))
        self.before[name] = now

    async def run(self):
        while True:
            await asyncio.gather(*(self.one(node) for node in self.nodes()))
            await asyncio.sleep(EVERY)

    async def one(self, node):
        self.judge(node.name, await self.scrape(node), self.clock())
