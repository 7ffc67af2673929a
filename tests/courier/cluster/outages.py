"""A hung pod, dependencies that are gone, and a canary that cannot reach its database."""
import asyncio
import contextlib
import os
import signal
import time

import clients
import delivery as d
import history
import scene
from suite import container_processes
from watch import Watch

RATE = 100  # 1/s


def a_hung_pod_is_restarted_and_clients_hardly_notice(t):
    """SIGSTOP for good. Clients know the Service's endpoints as a mesh does and have one budgeted retry; beside them a load without any
    retry goes through the gateway, for information."""
    app = t.scaled()
    pod = sorted(app.pods().values(), key=lambda one: one["metadata"]["name"])[0]
    name, before = pod["metadata"]["name"], restarts(pod)
    processes = container_processes(pod)
    d.expect(len(processes) == 1, f"the pod has the processes {processes}")
    slice_ = app.get("endpointslices", "-l", "kubernetes.io/service-name=courier")["items"][0]["metadata"]["name"]
    with contextlib.closing(scene.Outside(t, "hung-pod")) as outside, app.subscribed(t.behind("hung-pod", outside.port, 0)), \
            Watch(app.cluster.command, app.ns, "endpointslice", slice_) as slices, \
            Watch(app.cluster.command, app.ns, "pod", name) as watched:
        endpoints = scene.Endpoints(t, outside.program)
        load = clients.Load({"rate": RATE, "seconds": 60, "writes": 0.2, "reads": "version", "deadline": 1000, "retry": True, "tries": 0,
                             "repeats": 0, "elsewhere": 0}, outside.program, outside.log, token=app.token())
        slices.wait("the endpoints", lambda one: len(one.get("endpoints", [])) == 3, 10)
        gateway = app.start_load(rate=50, seconds=60)

        async def follow():
            while True:
                endpoints.follow(slices.current)
                await asyncio.sleep(0.02)

        async def run():
            follower = asyncio.ensure_future(follow())
            try:
                await asyncio.sleep(0.1)  # with all pods known
                await asyncio.wait_for(load.run(), 120)
            finally:
                follower.cancel()

        running = asyncio.run_coroutine_threadsafe(run(), t.loop)
        time.sleep(10)
        os.kill(processes[0], signal.SIGSTOP)
        stopped, begin = time.time(), load.now
        d.say(f"{name} is stopped", 2)
        seen = {}
        for what, condition in (("unready", lambda one: not is_ready(one)), ("running", lambda one: restarts(one) > before and runs(one)),
                                ("ready", lambda one: restarts(one) > before and is_ready(one))):
            watched.wait(what, condition, 60)
            seen[what] = time.time() - stopped
        end = load.now
        running.result(120)
        counts = gateway.stop()
        d.say("s after SIGSTOP: " + ", ".join(f"{what} {after:.1f}" for what, after in seen.items()), 2)
        d.wait_for("the delivery of all messages", lambda: outside.tell()["undelivered"] == 0, 30)
        verdict = history.check(outside.records())
    while_hung = [r for r in load.requests if begin <= r.sent < end]
    failed, first_try = (round(100 * sum(map(test, while_hung)) / len(while_hung), 2)
                         for test in (lambda r: not r.ok, lambda r: not r.ok or r.retried))
    d.say(f"through the gateway, without retry: {counts.sentence()}", 2)
    t.note("Hung pod: restart", f"by liveness after {seen['running']:.1f} s, ready after {seen['ready']:.1f} s, "
           f"out of the endpoints after {seen['unready']:.1f} s", "<= 30 s", seen["running"] <= 30)
    t.note("Hung pod: errors", f"{failed} % of {len(while_hung)} requests while it hung ({first_try} % without the retry); "
           f"gateway without retry: {counts.lost} of {counts.requests}", "<= 0.2 % after one budgeted retry", failed <= 0.2)
    t.note("Hung pod: data", f"{verdict.acknowledged} acknowledged, {len(verdict.lost)} lost, {len(verdict.unexpected)} unexpected, "
           f"{len(verdict.stored_twice)} stored twice", "0", not (verdict.lost or verdict.unexpected or verdict.stored_twice))


def without_database_and_redis_pods_stay_live_and_ready(t):
    """Longer than liveness takes to end a pod: nothing is restarted, nothing leaves the endpoints, what needs no database is served."""
    app = t.scaled()
    pods = all_pods(app)
    token = app.token()
    seconds, unlive, unready, looks = 40, set(), set(), 0

    def post(key):
        return t.call("POST", "/v1/messages", {"payload": key}, token, host=app.host(), headers={"Idempotency-Key": key})[0]

    load = app.start_load(rate=50, seconds=seconds + 20)
    with app.subscribed(t.ports["receiver"]):
        with t.without("database", "redis"):
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                looks += 1
                for pod in pods.values():
                    address = pod["status"]["podIP"] + ":9090"
                    unlive |= {pod["metadata"]["name"]} if t.call("GET", "/livez", address=address)[0] != 200 else set()
                    unready |= {pod["metadata"]["name"]} if t.call("GET", "/readyz", address=address)[0] != 200 else set()
                time.sleep(1)
            deep = t.call("GET", "/healthz/dependencies", address=next(iter(pods.values()))["status"]["podIP"] + ":9090")[0]
            refused = post("none")
        back = time.monotonic()
        d.wait_for("a message after the database is back", lambda: post("after") == 202, 20, every=0.1)
        back = time.monotonic() - back
    counts = load.stop()
    now = {uid: restarts(pod) for uid, pod in all_pods(app).items()}
    restarted = [pod["metadata"]["name"] for uid, pod in pods.items() if now.get(uid) != restarts(pod)]
    d.expect(deep == 503 and refused == 503, f"/healthz/dependencies said {deep}, a message was answered with {refused}: was it away?")
    t.note("Health: no database and no Redis",
           f"{seconds} s: {len(unlive)} of {len(pods)} pods unlive, {len(unready)} unready, {len(restarted)} restarted in {looks} looks; "
           f"GET /: {counts.lost} of {counts.requests} lost; messages again after {back:.1f} s",
           "live never fails from a dependency; 0 restarts, 0 lost", not (unlive or unready or restarted or counts.lost))


def a_canary_with_a_wrong_database_password_gets_no_traffic(t):
    app = t.scaled()
    app.make_healthy()
    app.kubectl("delete", "secret", "wrong-connections", "--ignore-not-found")
    wrong = app.connections["database"].replace("courier-test", "wrong")
    app.kubectl("create", "secret", "generic", "wrong-connections", f"--from-literal=database={wrong}")
    serving, pods = app.active_sets(), set(app.pods())
    database = {"name": "COURIER_DATABASE", "valueFrom": {"secretKeyRef": {"name": "wrong-connections", "key": "database"}}}
    ever_ready = set()
    with app.under_load(rate=100) as load:
        began = time.monotonic()
        revision = app.change("wrong-password", env=[database])
        while not (entry := next((e for e in app.status.get("history", []) if e["revision"] == revision), None)):
            ever_ready |= {p["metadata"]["name"] for uid, p in app.pods().items() if uid not in pods and is_ready(p)}
            d.expect(time.monotonic() - began < 120, f"the run is not over: {app.status.get('summary')}")
            time.sleep(0.5)
    took = time.monotonic() - began
    answers = load.counts.versions.get("wrong-password", 0)
    untouched = app.active_sets() == serving and set(app.pods()) == pods
    d.say(entry["why"][:200], 2)
    t.note("Health: canary with a wrong password",
           f"{entry['outcome']} after {took:.0f} s of a progressDeadline of 30 s, {len(ever_ready)} pods ever ready, {answers} answers, "
           f"at most {entry.get('maxWeight', 0)} % of the traffic; baseline {'untouched' if untouched else 'TOUCHED'}; "
           f"{load.counts.lost} of {load.counts.requests} lost",
           "never ready, no traffic, baseline untouched, rolled back",
           entry["outcome"] == "RolledBack" and not ever_ready and answers == 0 and entry.get("maxWeight", 0) == 0 and untouched)


def restarts(pod):
    return sum(status["restartCount"] for status in pod["status"].get("containerStatuses", []))


def is_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))


def runs(pod):
    return all("running" in status["state"] for status in pod["status"]["containerStatuses"])


def all_pods(app):
    """uid -> pod, of api and workers."""
    return {**app.pods(), **{pod["metadata"]["uid"]: pod for pod in app.get("pods", "-l", "app=courier-worker")["items"]}}


CASES = [
    a_hung_pod_is_restarted_and_clients_hardly_notice,
    without_database_and_redis_pods_stay_live_and_ready,
    a_canary_with_a_wrong_database_password_gets_no_traffic,
]
