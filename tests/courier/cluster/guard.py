"""What keeps injected faults out of production: the released image has none, and the drill's refuses where it must."""
import json
import os
import tarfile

import delivery as d
import scene
from forms import namespace

# Texts of the binary and demangled symbols. The drill's program is the proof that this would find them, but for a text that is only copied:
# an optimized program has it in its instructions.
TEXTS = [b"FAULT_PROFILE", b"X-Fault-Injected", b"crash-after", b"never-ready"]
COPIED = [b"a fault was injected"]
SYMBOLS = ["courier::Injector", "parse_fault_profile", "may_inject"]
ROUTES = ["/fault_injection/enable", "/fault_injection/status", "/faults", "/panic", "/status/500", "/delay/1", "/env", "/debug/faults"]


def the_released_image_has_no_fault_in_it(t):
    for program, wanted in (("courier-drill", True), ("courier", False)):
        built = os.path.join(d.TOP, "build", t.preset, "sample-service", program)
        archive = os.path.join(scene.FOLDER, f"{program}.tar")
        d.run("hack/image", f"sluice.local/{program}:guard", built, "--out", archive, "--strip")
        with tarfile.open(archive) as outer, tarfile.open(fileobj=outer.extractfile("./layer.tar")) as layer:
            programs = [m for m in layer.getmembers() if m.name.startswith("./usr/bin/") and m.isfile()]
            names = [os.path.basename(m.name) for m in programs]
            d.expect(names == [program], f"the image of {program} holds {names}")
            binary = layer.extractfile(programs[0]).read()
        symbols = d.run("nm", "--demangle", "--defined-only", built)
        texts = TEXTS if wanted else TEXTS + COPIED
        found = [text.decode() for text in texts if text in binary] + [name for name in SYMBOLS if name in symbols]
        d.expect(len(found) == (len(TEXTS) + len(SYMBOLS) if wanted else 0), f"{program} has {found}")
    t.note("Fault guard: released image", f"0 of {len(TEXTS + COPIED)} texts, 0 of {len(SYMBOLS)} symbols; "
           f"the drill's has {len(TEXTS)} and all", "none", True)


def the_released_courier_knows_no_fault_route_and_no_profile(t):
    with namespace(t, "courier-guard"):
        start(t, "released", d.COURIER_IMAGE, {"FAULT_PROFILE": "errors=100%"})
        t.cluster.kubectl("-n", "courier-guard", "wait", "--for=condition=Ready", "pod/released", "--timeout=30s")
        address = t.cluster.get("-n", "courier-guard", "pod", "released")["status"]["podIP"]
        answers = {(port, route, method): t.call(method, route, address=f"{address}:{port}")[0]
                   for port in (8080, 9090) for route in ROUTES for method in ("GET", "POST")}
        t.note("Fault guard: routes", f"{sorted(set(answers.values()))} for {len(answers)} routes of faults", "404",
               set(answers.values()) == {404})
        d.expect(t.call("GET", "/", address=f"{address}:8080")[0] == 200, "the released courier heeds FAULT_PROFILE")
        metrics = t.call("GET", "/metrics", address=f"{address}:9090")[2]
        d.expect("\nfault_injection_active 0\n" in metrics, "fault_injection_active is not 0")


def the_drill_image_refuses_a_namespace_labelled_production(t):
    ns = "courier-guard"
    with namespace(t, ns):
        ended = run_to_the_end(t, "without-rights", {"FAULT_PROFILE": "errors=5%"})
        d.expect(ended[0] == 2 and "right to get its own namespace" in ended[1], f"without rights it ended with {ended}")
        scene.Application(t.cluster, ns).allow_faults()
        start(t, "allowed", scene.DRILL_IMAGE, {"FAULT_PROFILE": "errors=100%,for=5m"})
        t.cluster.kubectl("-n", ns, "wait", "--for=condition=Ready", "pod/allowed", "--timeout=30s")
        address = t.cluster.get("-n", ns, "pod", "allowed")["status"]["podIP"]
        d.expect(t.call("GET", "/", address=f"{address}:8080")[0] == 500, "the drill injects nothing where it may")
        t.cluster.kubectl("label", "namespace", ns, "environment=production")
        ended = run_to_the_end(t, "production", {"FAULT_PROFILE": "errors=5%"})
        t.note("Fault guard: namespace labelled production", f"exit {ended[0]}: {ended[1][:120]}", "refused, exit 2",
               ended[0] == 2 and "environment=production" in ended[1])
        ended = run_to_the_end(t, "no-drain", {"COURIER_EXIT_ON_TERM": "1"})
        d.expect(ended[0] == 2, f"COURIER_EXIT_ON_TERM in production: {ended}")


def start(t, name, image, variables):
    env = [{"name": key, "value": value} for key, value in {"COURIER_DATABASE": ":memory:", **variables}.items()]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
        "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "enableServiceLinks": False, "containers": [{
            "name": "courier", "image": image, "imagePullPolicy": "IfNotPresent", "env": env,
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": 9090}, "periodSeconds": 1}}]}}
    t.cluster.kubectl("-n", "courier-guard", "apply", "-f", "-", stdin=json.dumps(pod))


def run_to_the_end(t, name, variables):
    """(exit status, what it said) of the drill image."""
    start(t, name, scene.DRILL_IMAGE, variables)
    status = d.wait_for(f"the end of pod {name}", lambda: terminated(t, name), 30)
    return status["exitCode"], t.cluster.kubectl("-n", "courier-guard", "logs", name).strip()


def terminated(t, name):
    statuses = t.cluster.get("-n", "courier-guard", "pod", name)["status"].get("containerStatuses", [])
    return statuses and statuses[0]["state"].get("terminated")


CASES = [
    the_released_image_has_no_fault_in_it,
    the_released_courier_knows_no_fault_route_and_no_profile,
    the_drill_image_refuses_a_namespace_labelled_production,
]
