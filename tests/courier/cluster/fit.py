"""Canary fit: Sluice and courier together. What only the new version does badly is rolled back at once; what is good is promoted."""
import contextlib
import glob
import json
import os
import time
import urllib.parse
import urllib.request

import delivery as d
import scene
from suite import weights_in_order
from watch import Watch

INTERVAL = 5       # s, of a judged tick in the runs of bad versions: a third of the default
RATE = 200         # 1/s through the gateway; the first step gives the canary a fifth
CLEAN = 10
STARVED = 0.25     # share of the time in which a thread of the gateway waited for a processor: it loses requests by itself then
MOST_STARVED = 5   # clean runs that may be repeated for that
LONGEST = 2        # ticks after the first one in which the canary was bad
# Flagger's built-in request-success-rate (pkg/metrics/observers/http.go).
PODS = 'namespace="{ns}",pod=~"courier-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"'
FLAGGER = 'sum(rate(http_request_duration_seconds_count{%s,status!~"5.*"}[1m])) / ' \
          'sum(rate(http_request_duration_seconds_count{%s}[1m])) * 100'


def five_percent_errors_are_rolled_back(t):
    bad_version(t, "errors", "errors=5%", "errors")


def two_hundred_milliseconds_more_are_rolled_back(t):
    bad_version(t, "slow", "latency=200ms", "latency")


def ten_clean_versions_are_promoted(t):
    app = healthy(t)
    with interval(app, 1):
        promoted = requests = number = 0
        starved = []
        while number < CLEAN:
            version, before = f"clean-{number + 1}-{len(starved)}", waited(t)
            try:
                with app.under_load(rate=RATE) as load:  # fails if a request is lost
                    entry = app.end_of_run(app.change(version))
                    app.wait_until_released()
            except d.Failed as failure:
                share = (waited(t)[0] - before[0]) / (waited(t)[1] - before[1])
                if share < STARVED or len(starved) == MOST_STARVED:
                    raise
                starved.append(str(failure))
                d.say(f"again, as a thread of the gateway waited for a processor in {share:.0%} of the time: {failure}", 2)
                app.make_healthy()
                continue
            number += 1
            promoted += entry["outcome"] == "Promoted"
            requests += load.counts.requests
            d.say(f"{number}: {entry['outcome']}, {load.counts.versions.get(version, 0)} answers of it", 2)
            if entry["outcome"] != "Promoted":
                d.say(entry["why"][:300], 3)
                app.make_healthy()
        t.note("Canary fit: clean versions", f"{promoted} of {CLEAN} promoted, 0 of {requests} requests lost"
               f"{f'; {len(starved)} more runs were repeated, as the gateway got no processor in them' if starved else ''}",
               "10 of 10, 0 lost", promoted == CLEAN)
        pods = PODS.format(ns=app.ns)
        share = prometheus(t, FLAGGER % (pods, pods))
        t.note("Canary fit: Flagger's request-success-rate query, unchanged", f"{share} %", "a number",
               share is not None and 0 <= share <= 100)


def bad_version(t, version, fault, slo):
    app = healthy(t)
    serving, pods = app.active_sets(), set(app.pods())
    with interval(app, INTERVAL), Watch(app.cluster.command, app.ns, "httproute", "courier") as route:
        with app.under_load(rate=RATE) as load:
            revision = app.change(version, scene.DRILL_IMAGE, account=True, env=[{"name": "FAULT_PROFILE", "value": fault}])
            entry = app.end_of_run(revision)
        ticks = ticks_of(app.rollout.since(0), revision, slo)
        weights = weights_in_order(route.since(0))
    d.say(f"{entry['outcome']}: {entry['why'][:250]}", 2)
    for number, (until, shares) in enumerate(ticks, 1):
        d.say(f"tick {number} until {until}: the canary's bad share is {shares:.2%}", 3)
    bad = [number for number, (_, shares) in enumerate(ticks, 1) if shares > 0.01]
    after = len(ticks) - bad[0] if bad else None
    up = next((seen for seen, weight in weights if weight), None)
    down = next((seen for seen, weight in weights if up and seen > up and weight == 0), None)
    untouched = app.active_sets() == serving and set(app.pods()) == pods
    t.note(f"Canary fit: {fault}",
           f"{entry['outcome']} by '{entry.get('breach')}', {after} intervals of {INTERVAL} s after the first bad tick"
           f"{f', {down - up:.1f} s after its first traffic' if up and down else ''}, at {entry.get('maxWeight')} %; "
           f"{load.counts.own_errors} injected errors and {load.counts.lost} lost of {load.counts.requests}; "
           f"baseline {'untouched' if untouched else 'TOUCHED'}",
           f"rolled back <= {LONGEST} intervals, 0 lost",
           entry["outcome"] == "RolledBack" and entry.get("breach") == slo and after is not None and after <= LONGEST and untouched)


def healthy(t):
    app = t.scaled()
    app.make_healthy()
    return app


@contextlib.contextmanager
def interval(app, seconds):
    """Judged ticks of that length for the time inside."""
    def set_to(length):
        change = json.dumps({"spec": {"analysis": {"interval": length}}})
        app.kubectl("patch", "rollouts.sluice.dev", "courier", "--type=merge", "-p", change)
    set_to(f"{seconds}s")
    try:
        yield
    finally:
        set_to(scene.SHORT_SPEC["analysis"]["interval"])


def ticks_of(versions, revision, slo):
    """[(end of a judged tick, the canary's bad share until then)] of a run, from the versions of its status."""
    found = {}
    for _, rollout in versions:
        run = (rollout or {}).get("status", {}).get("run")
        if not run or run["revision"] != revision or not run.get("judgedUntil"):
            continue
        judged = next((one for one in run.get("slos", []) if one["name"] == slo), {})
        if judged.get("canaryRequests", 0) > 0:
            found[run["judgedUntil"]] = judged.get("canary", 0)
    return sorted(found.items())


def waited(t):
    """(seconds that the gateway's hungriest thread was ready to run and got no processor, seconds of the clock), both ever growing."""
    with open(os.path.join(os.path.dirname(t.cluster.env["KUBECONFIG"]), "parts", "envoy", "pid"), encoding="utf-8") as file:
        process = file.read().split()[0]
    longest = 0
    for thread in glob.glob(f"/proc/{process}/task/*/schedstat"):
        with open(thread, encoding="ascii") as file:
            longest = max(longest, int(file.read().split()[1]) / 1e9)
    return longest, time.monotonic()


def prometheus(t, query):
    url = t.cluster.env["SLUICE_PROMETHEUS"].rstrip("/") + "/api/v1/query?" + urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(url, timeout=10) as answer:
        result = json.load(answer)["data"]["result"]
    return float(result[0]["value"][1]) if result else None


CASES = [
    five_percent_errors_are_rolled_back,
    two_hundred_milliseconds_more_are_rolled_back,
    ten_clean_versions_are_promoted,
]
