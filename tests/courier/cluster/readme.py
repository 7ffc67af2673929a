"""sample-service/README.md, followed word by word: In a cluster, and a copy for a service of one's own."""
import json
import os
import re
import textwrap

import delivery as d
import scene
from forms import expect_delivered, expect_healthy_rollout, expect_route, namespace, ready_pods

NS = "courier-readme"


def in_a_cluster_works_as_it_is_written(t):
    image_and_embedded, secret_and_scaled = blocks("In a cluster")[:2]
    with namespace(t, NS):
        t.image(d.COURIER_IMAGE, "sample-service/courier-drill")  # the command must put the released one in its place
        said = follow(t, image_and_embedded)
        d.say(said.strip().splitlines()[-1], 2)
        expect_healthy_rollout(t, NS)
        expect_route(t, NS)
        d.wait_for("200 at the gateway", lambda: t.call("GET", "/", host="courier.local")[0] == 200, 20)
        follow(t, written("`(kubectl delete -k sample-service/manifests)`"))
        d.wait_for("the end of the pods", lambda: not t.cluster.get("-n", NS, "pods")["items"], 60)

        uri = t.new_database("courier")
        host, port = uri.rsplit("@", 1)[1].split("/")[0].split(":")
        d.expect((port, t.ports["redis"]) == ("5432", 6379), f"the README's ports are taken here: {port}, {t.ports['redis']}")
        follow(t, secret_and_scaled.replace("PASSWORD", "courier-test").replace("HOST", host))
        d.wait_for("3 api pods", lambda: len(ready_pods(t, NS, "app=courier")) == 3, 60)
        expect_healthy_rollout(t, NS)
        expect_route(t, NS)
        key = scene.make_key(t, "courier.local", secret(t, "admin-key"))
        token = json.loads(t.call("POST", "/v1/tokens", token=key, host="courier.local")[2])["access_token"]
        message = {"payload": 1, "endpoint": f"http://{t.host}:{t.ports['receiver']}/"}
        status, _, text = t.call("POST", "/v1/messages", message, token, host="courier.local", headers={"Idempotency-Key": "inside"})
        d.say(f"a receiver in the cluster's network: {status} {text[:150]}", 2)
        d.expect(400 <= status < 500, f"a receiver in the cluster's network was taken: {status} {text}")
        d.expect(t.call("GET", "/v1/messages", host="courier.local")[0] == 401, "no token is needed")
        said = follow(t, written(r"`(kubectl create -f sample-service/manifests/scaled/migrate\.yaml)`"))
        t.cluster.kubectl("-n", NS, "wait", "--for=condition=Complete", said.split()[0], "--timeout=60s")


def a_copy_for_a_service_of_ones_own_works_in_the_same_way(t):
    d.run("rm", "-rf", "build/billing")
    with namespace(t, NS):
        follow(t, blocks("For a service of your own")[0])
        said = follow(t, written("`(tests/courier/manifests build/billing billing)`"))
        d.say(said.strip(), 2)
        t.image("sluice.local/billing:v1", "sample-service/courier")
        follow(t, written("`(kubectl apply -k build/billing)`"))
        t.cluster.kubectl("-n", NS, "rollout", "status", "deployment/billing", "--timeout=120s")
        expect_healthy_rollout(t, NS, "billing")
        expect_route(t, NS, "billing")
        d.wait_for("200 at the gateway", lambda: t.call("GET", "/", host="billing.local")[0] == 200, 20)
        expect_delivered(t, {"payload": 1}, address=ready_pods(t, NS, "app=billing")[0]["status"]["podIP"] + ":8080")
        accepted = t.cluster.kubectl("-n", NS, "apply", "-k", "build/billing/scaled", "--dry-run=server", "-o", "name").split()
        d.say(f"its scaled form: {len(accepted)} objects accepted", 2)


# --- the text ---

def text():
    with open(os.path.join(d.TOP, "sample-service/README.md"), encoding="utf-8") as file:
        return file.read()


def blocks(heading):
    """The shell blocks of a section, without its subsections."""
    section = re.search(rf"^##+ {heading}\n(.*?)(?=^##+ )", text(), re.M | re.S)
    d.expect(section, f"README.md has no section '{heading}'")
    return [textwrap.dedent(block) for block in re.findall(r"^ *```sh\n(.*?)^ *```", section.group(1), re.M | re.S)]


def written(pattern):
    found = re.findall(pattern, text())
    d.expect(len(found) == 1, f"README.md has {pattern} {len(found)} times instead of once")
    return found[0]


def follow(t, commands):
    """Runs them in the checkout, with the namespace as the current one, as a reader's shell would."""
    kubeconfig = os.path.join(scene.FOLDER, "kubeconfig")
    with open(os.environ["KUBECONFIG"], encoding="utf-8") as one, open(kubeconfig, "w", encoding="utf-8") as other:
        other.write(one.read())
    os.chmod(kubeconfig, 0o600)
    d.run("kubectl", "config", "set-context", "--current", f"--namespace={NS}", env={"KUBECONFIG": kubeconfig})
    commands = commands.replace("--preset dev", f"--preset {t.preset}").replace("build/dev", f"build/{t.preset}")
    return d.run("bash", "-euo", "pipefail", "-c", commands, env={"KUBECONFIG": kubeconfig})


def secret(t, key):
    return d.run("bash", "-c", f"kubectl -n {NS} get secret courier-connections -o jsonpath='{{.data.{key}}}' | base64 -d")


CASES = [
    in_a_cluster_works_as_it_is_written,
    a_copy_for_a_service_of_ones_own_works_in_the_same_way,
]
