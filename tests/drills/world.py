"""What a drill happens in: couriers, the databases that sample-service/with-servers started, a fault proxy before each dependency."""
import asyncio
import base64
import contextlib
import glob
import json
import os
import re
import secrets
import signal
import subprocess
import sys

import alerts
import ports
import processes
import small_http

HERE = os.path.dirname(os.path.abspath(__file__))
READY = 30  # s until a courier must be ready


class Trouble(Exception):
    """The drill could not be held; the message says why. Counts as failed."""


def postgres(database="courier"):
    return os.environ["COURIER_TEST_POSTGRES"].rsplit("/", 1)[0] + "/" + database


async def command(*words):
    process = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    if process.returncode:
        raise Trouble(f"'{words[0]} ...' ended with {process.returncode}: {output.decode()}")
    return output.decode()


# A file system of its own: it is there for this process only, at DISK/PID/root..., and ends with it.
OWN_DISK = ["unshare", "--mount", "--", "sh", "-c", 'mount -t tmpfs -o size="$1" courier "$2" && shift 2 && exec "$@"', "sh"]
FAKE_CLOCK = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)  # Debian's libfaketime


class Node:
    """A courier process that keeps its ports when it is started again. prefix: words before its command."""

    def __init__(self, name, program, env, folder, prefix=()):
        self.name, self.program, self.process, self.prefix = name, program, None, list(prefix)
        self.log_path = os.path.join(folder, f"{name}.log")
        self.log = open(self.log_path, "w", encoding="utf-8")  # until World.end()
        self.port, self.admin, self.exits = ports.free_port(), ports.free_port(), []
        self.env = {**env, "COURIER_ADDRESS": "127.0.0.1", "COURIER_HTTP_PORT": str(self.port), "COURIER_ADMIN_PORT": str(self.admin),
                    "POD_NAME": name, "LOG_LEVEL": "warn"}

    def start(self):
        # KILL if this program is killed: a stopped process would never see a TERM.
        command = [*self.prefix, "setpriv", "--pdeathsig", "KILL", "--", self.program]
        self.process = processes.start(command, env=self.env, stdout=self.log, stderr=self.log)

    def signal(self, sign):
        self.process.send_signal(sign)

    async def ready(self):
        client = small_http.Client(self.admin)
        for _ in range(READY * 20):
            if self.process.poll() is not None:
                raise Trouble(f"{self.name} ended with {self.process.returncode} before it was ready")
            with contextlib.suppress(small_http.Refused):
                if (await client.call("GET", "/readyz", 1))[0] == 200:
                    return client.close()
            await asyncio.sleep(0.05)
        raise Trouble(f"{self.name} was not ready after {READY} s")

    async def gone(self, seconds=40):
        """Its exit status, or None if it has not ended in time."""
        for _ in range(int(seconds * 50)):
            if self.process.poll() is not None:
                processes.running.discard(self.process)
                return self.process.returncode
            await asyncio.sleep(0.02)
        return None


class World:
    def __init__(self, drill, folder, program, receiver_port):
        self.drill, self.folder, self.program, self.receiver_port = drill, folder, program, receiver_port
        self.nodes, self.rest, self.database = {}, None, "drill_" + re.sub(r"\W", "_", drill["name"])
        self.elsewhere, self.tenants, self.others = None, {}, []  # others: nodes that no client knows
        self.proxied = {fault["proxy"] for fault in [*drill["faults"], *drill.get("scene", [])] if "proxy" in fault}

    async def start(self):
        topology = self.drill["topology"]
        self.proxy = processes.start([sys.executable, os.path.join(HERE, "fault_proxy.py"), "--port", "0"], stdout=subprocess.PIPE)
        line = await asyncio.to_thread(self.proxy.stdout.readline)
        self.rest = small_http.Client(int(line.rsplit(" ", 1)[1]))
        self.elsewhere = f"http://127.0.0.1:{await self.behind('elsewhere', self.receiver_port)}"
        receiver = await self.behind("receiver", self.receiver_port)
        self.env = {"PATH": os.environ["PATH"], "COURIER_ENDPOINT": f"http://127.0.0.1:{receiver}/",
                    "COURIER_ENDPOINTS_ALLOWED": self.elsewhere,
                    "COURIER_DRAIN": "0s", "COURIER_DRAIN_CLOSE": "0s", "COURIER_DRAIN_FINISH": "3s",
                    **{name: str(value) for name, value in topology.get("settings", {}).items()}}
        if topology.get("tenants"):
            self.env.update(COURIER_AUTH="required", COURIER_TOKEN_KEYS="drill:" + base64.b64encode(secrets.token_bytes(32)).decode(),
                            COURIER_ADMIN_KEY=secrets.token_hex(32))
        if topology["store"] == "postgres":
            for statement in (f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)", f"CREATE DATABASE {self.database}"):
                await command("psql", "--quiet", postgres(), "--command", statement)
            self.env["COURIER_DATABASE"] = await self.through("database", postgres(self.database))
            for key, variable in (("redis", "COURIER_BROKER"), ("redis_cache", "COURIER_REDIS_CACHE")):
                if topology.get(key):
                    self.env[variable] = await self.through("redis", os.environ["COURIER_TEST_REDIS"])
            names = [f"{role}-{number}" for role in ("api", "worker") for number in range(1, topology[role] + 1)]
        else:
            self.env["COURIER_DATABASE"] = os.path.join(self.folder, "courier.db")
            names = ["all-1"]
        for name in names:
            self.nodes[name] = await self.node(name)
        first, *others = self.nodes.values()  # the first one makes the schema
        first.start()
        await first.ready()
        for node in others:
            node.start()
        await asyncio.gather(*(node.ready() for node in others))
        for tenant in topology.get("tenants", []):
            self.tenants[tenant] = await self.token_of(tenant)

    async def node(self, name):
        """A node that is not started, with what the topology says of it, and proxies of its own where a fault names them."""
        topology, env, prefix = self.drill["topology"], {**self.env, "COURIER_ROLE": name.split("-")[0]}, []
        for fault in [*self.drill["faults"], *self.drill.get("scene", [])]:
            own, _, of = fault.get("proxy", "").partition("@")
            if of == name:
                uri, variable = ((postgres(self.database), "COURIER_DATABASE") if own == "database"
                                 else (os.environ["COURIER_TEST_REDIS"], "COURIER_BROKER"))
                env[variable] = await self.through(fault["proxy"], uri)
        if "descriptors" in topology:
            prefix = ["prlimit", f"--nofile={topology['descriptors']}", "--"]
        if "disk" in topology:
            disk = os.path.join(self.folder, "disk")
            os.makedirs(disk, exist_ok=True)
            prefix, env["COURIER_DATABASE"] = [*OWN_DISK, topology["disk"], disk], os.path.join(disk, "courier.db")
        if name in topology.get("clocks", []):
            if not FAKE_CLOCK:
                raise Trouble("libfaketimeMT.so.1 is missing: hack/setup build")
            # Waits and deadlines go by the monotonic clock, which no step moves.
            env.update(LD_PRELOAD=FAKE_CLOCK, FAKETIME_TIMESTAMP_FILE=os.path.join(self.folder, f"{name}.clock"),
                       FAKETIME_CACHE_DURATION="1", FAKETIME_DONT_FAKE_MONOTONIC="1")
            self.set_clock(name, 0)
        return Node(name, self.program, env, self.folder, prefix)

    def set_clock(self, name, seconds):
        with open(os.path.join(self.folder, f"{name}.clock"), "w", encoding="utf-8") as file:
            file.write(f"{seconds:+d}\n")

    async def token_of(self, tenant):
        """A token of the tenant, which is made if it is none that is there."""
        client = small_http.Client(self.fronts()[0].port)

        async def post(path, key, **text):
            body = json.dumps(text).encode() if text else b""
            status, answer = await client.call("POST", path, 10, body,
                                               {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
            if status // 100 != 2:
                raise Trouble(f"POST {path}: {status} {answer.decode()}")
            return json.loads(answer)
        admin = (await post("/v1/tokens", self.env["COURIER_ADMIN_KEY"]))["access_token"]
        if tenant != "default":
            await post("/v1/tenants", admin, id=tenant)
        key = (await post(f"/v1/tenants/{tenant}/keys", admin))["key"]
        return (await post("/v1/tokens", key))["access_token"]

    async def through(self, name, uri):
        """The URI, by way of a proxy of that name."""
        port = int(re.search(r":(\d+)(/|$)", uri).group(1))
        return uri.replace(f":{port}", f":{await self.behind(name, port)}")

    async def behind(self, name, port):
        """The port of a proxy before this port, which several users may share; the port itself if no fault needs one: a proxy costs more
        than what it is before."""
        if name not in self.proxied:
            return port
        found = (await self.ask("GET", "/proxies")).get(name)
        made = found or await self.ask("POST", "/proxies", name=name, upstream=f"127.0.0.1:{port}")
        return int(made["listen"].rsplit(":", 1)[1])

    async def ask(self, method, path, **text):
        status, body = await self.rest.call(method, path, 10, json.dumps(text).encode())
        if status >= 300:
            raise Trouble(f"fault proxy: {method} {path}: {body.decode()}")
        return json.loads(body)

    def fronts(self):
        return [node for node in self.nodes.values() if not node.name.startswith("worker")]

    async def queue_depth(self):
        """Deliveries that are not ended, as the first node that answers says; None if none does."""
        for node in self.nodes.values():
            with contextlib.suppress(small_http.Refused):
                _, text = await small_http.Client(node.admin).call("GET", "/metrics", 2)
                found = re.search(r"^queue_depth (\S+)$", text.decode(), re.M)
                if found:
                    return float(found.group(1))
        return None

    async def scrapes(self):
        """{series: value} of each node that answers."""
        found = []
        for node in self.nodes.values():
            with contextlib.suppress(small_http.Refused):
                _, text = await small_http.Client(node.admin).call("GET", "/metrics", 2)
                found.append(alerts.parse(text.decode()))
        return found

    async def total(self, name, *labels):
        """A metric's sum over series that have the labels, and over the nodes that answer."""
        return sum(alerts.total({"metrics": scrape}, name, *labels) for scrape in await self.scrapes())

    async def end(self):
        """Asks all to end; notes their exit statuses; kills what stays. The database goes too."""
        begun = [node for node in self.nodes.values() if node.process]
        for node in begun:
            with contextlib.suppress(ProcessLookupError):
                node.signal(signal.SIGCONT)
                node.signal(signal.SIGTERM)
        for node in begun:
            node.exits.append(await node.gone(15))
            processes.end(node.process, patience=1)
            node.log.close()
        processes.end(self.proxy, patience=5)
        if self.drill["topology"]["store"] == "postgres":
            await command("psql", "--quiet", postgres(), "--command", f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
