"""Both forms of sample-service/manifests as they are: accepted, ready, and taking and delivering messages."""
import json
import re

import delivery as d

EMBEDDED = "courier-embedded"


def the_embedded_form_takes_and_delivers_messages(t):
    with namespace(t, EMBEDDED):
        t.cluster.kubectl("-n", EMBEDDED, "apply", "-k", "sample-service/manifests")
        t.cluster.kubectl("-n", EMBEDDED, "rollout", "status", "deployment/courier", "--timeout=120s")
        expect_healthy_rollout(t, EMBEDDED)
        expect_route(t, EMBEDDED)
        # Each pod is a courier of its own, so the message is asked for where it was posted.
        pod = ready_pods(t, EMBEDDED, "app=courier")[0]["status"]["podIP"]
        d.wait_for("200 at the gateway", lambda: t.call("GET", "/", host="courier.local")[0] == 200, 20)
        expect_delivered(t, {"payload": {"order": 12}}, address=f"{pod}:8080")


def the_migrations_run_as_a_job(t):
    """On an empty database, before any courier: the Job of the scaled form makes the whole schema."""
    ns = "courier-migrate"
    with namespace(t, ns):
        uri = t.new_database("courier_migrate")
        t.cluster.kubectl("-n", ns, "create", "secret", "generic", "courier-connections", f"--from-literal=database={uri}")
        job = t.cluster.kubectl("-n", ns, "create", "-f", "sample-service/manifests/scaled/migrate.yaml", "-o", "name").strip()
        t.cluster.kubectl("-n", ns, "wait", "--for=condition=Complete", job, "--timeout=60s")
        lines = re.findall(r"^\d{4} .*$", t.cluster.kubectl("-n", ns, "logs", job), re.M)  # without what courier logs
        d.say(f"{len(lines)} migrations: {lines[-1]}", 2)
        d.expect(lines and all(line.endswith("applied") for line in lines), f"the Job printed {lines}")


def the_scaled_form_takes_and_delivers_messages(t):
    app = t.scaled()
    expect_route(t, app.ns)
    token, ids = app.token(), set()
    with app.subscribed(t.ports["receiver"]):
        for number in range(40):
            status, _, text = t.call("POST", "/v1/messages", {"payload": f"form-{number}"}, token, host=app.host(),
                                     headers={"Idempotency-Key": f"form-{number}"})
            d.expect(status == 202, f"message {number} was answered with {status}: {text}")
            ids.add(json.loads(text)["id"])
        d.wait_for(f"the delivery of {len(ids)} messages", lambda: ids <= t.receiver.delivered(), 30)
    d.expect(len(ids) == 40, f"{len(ids)} ids for 40 messages")


def what_this_cluster_can_say_of_autoscaler_budgets_and_policies(t):
    """Valid objects; but there is no metrics API here, and the CNI plugin 'bridge' enforces no policy."""
    app = t.scaled()
    def conditions_of():  # after two looks of the autoscaler: it brings the least number of pods before it asks for metrics
        found = {c["type"]: c for c in app.get("hpa", "courier")["status"].get("conditions") or []}
        return found if "ScalingActive" in found else None
    conditions = d.wait_for("the autoscaler's conditions", conditions_of, 90)
    d.expect(conditions["AbleToScale"]["status"] == "True", f"the autoscaler: {conditions['AbleToScale']}")
    no_metrics = conditions["ScalingActive"]
    d.say(f"autoscaler: {app.deployment()['spec']['replicas']} replicas, its least; ScalingActive {no_metrics.get('status')}, "
          f"{no_metrics.get('reason')}", 2)
    d.expect(no_metrics.get("reason") == "FailedGetResourceMetric", "this cluster has metrics now: say what the autoscaler does with them")
    for name, expected in (("courier", 3), ("courier-worker", 2)):
        status = app.get("pdb", name)["status"]
        counted = (status["expectedPods"], status["currentHealthy"], status["disruptionsAllowed"])
        d.expect(counted == (expected, expected, 1), f"budget {name}: {status}")
    policies = {p["metadata"]["name"] for p in app.get("networkpolicies")["items"]}
    d.expect(policies == {"courier", "courier-api", "courier-worker"}, f"the policies are {policies}")
    # The policies let nobody but the namespace 'monitoring' at the admin port; a pod of another namespace gets through all the same.
    address = app.get("pods", "-l", "app=courier")["items"][0]["status"]["podIP"]
    enforced = t.call("GET", "/livez", address=f"{address}:9090")[0] != 200
    d.say(f"network policies: {'enforced' if enforced else 'accepted, not enforced by the CNI plugin bridge'}", 2)


# --- what several cases need ---

class namespace:  # noqa: N801
    """A namespace for the time inside; Rollouts in it are deleted before it, in the order in which they can clean up."""

    def __init__(self, t, name):
        self.t, self.name = t, name

    def __enter__(self):
        self.remove()
        self.t.cluster.kubectl("create", "namespace", self.name)

    def __exit__(self, *_):
        self.remove("--wait=false")  # pods drain for some seconds; the next case need not wait

    def remove(self, patience="--timeout=120s"):
        if self.t.cluster.get("namespace", self.name):
            self.t.cluster.kubectl("-n", self.name, "delete", "rollouts.sluice.dev,httproutes", "--all", "--timeout=90s")
            self.t.cluster.kubectl("delete", "namespace", self.name, patience)


def ready_pods(t, ns, selector):
    pods = t.cluster.get("-n", ns, "pods", "-l", selector)["items"]
    return [p for p in pods if any(c["type"] == "Ready" and c["status"] == "True" for c in p["status"].get("conditions", []))]


def expect_healthy_rollout(t, ns, name="courier"):
    def healthy():
        status = (t.cluster.get("-n", ns, "rollouts.sluice.dev", name) or {}).get("status", {})
        return status if status.get("phase") == "Healthy" else None
    status = d.wait_for(f"a healthy Rollout {name}", healthy, 60)
    d.say(f"Rollout: {status['summary'][:160]}; warnings: {status.get('warnings', [])}", 2)


def expect_route(t, ns, name="courier"):
    def accepted():
        parents = t.cluster.get("-n", ns, "httproute", name)["status"].get("parents", [])
        return any(c["type"] == "Accepted" and c["status"] == "True" for parent in parents for c in parent["conditions"])
    d.wait_for("the acceptance of the HTTPRoute", accepted, 30)


def expect_delivered(t, message, address, token=None):
    status, headers, text = t.call("POST", "/v1/messages", message, token, address, headers={"Idempotency-Key": "first"})
    d.expect(status == 202, f"the message was answered with {status}: {text}")
    where = headers["Location"]
    d.wait_for("delivery of the message",
               lambda: json.loads(t.call("GET", where, token=token, address=address)[2])["state"] == "delivered", 20)


CASES = [
    the_embedded_form_takes_and_delivers_messages,
    the_migrations_run_as_a_job,
    the_scaled_form_takes_and_delivers_messages,
    what_this_cluster_can_say_of_autoscaler_budgets_and_policies,
]
