"""What a drill happens in: couriers, the databases that sample-service/with-servers started, a fault proxy before each dependency."""
import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys

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


class Node:
    """A courier process that keeps its ports when it is started again."""

    def __init__(self, name, program, env, log):
        self.name, self.program, self.log, self.process = name, program, log, None
        self.port, self.admin, self.exits = ports.free_port(), ports.free_port(), []
        self.env = {**env, "COURIER_ADDRESS": "127.0.0.1", "COURIER_HTTP_PORT": str(self.port), "COURIER_ADMIN_PORT": str(self.admin),
                    "POD_NAME": name, "LOG_LEVEL": "warn"}

    def start(self):
        # KILL if this program is killed: a stopped process would never see a TERM.
        command = ["setpriv", "--pdeathsig", "KILL", "--", self.program]
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

    async def start(self):
        topology = self.drill["topology"]
        self.log = open(os.path.join(self.folder, "couriers.log"), "w", encoding="utf-8")  # until end()
        self.proxy = processes.start([sys.executable, os.path.join(HERE, "fault_proxy.py"), "--port", "0"], stdout=subprocess.PIPE)
        line = await asyncio.to_thread(self.proxy.stdout.readline)
        self.rest = small_http.Client(int(line.rsplit(" ", 1)[1]))
        env = {"PATH": os.environ["PATH"], "COURIER_ENDPOINT": f"http://127.0.0.1:{await self.behind('receiver', self.receiver_port)}/",
               "COURIER_DRAIN": "0s", "COURIER_DRAIN_CLOSE": "0s", "COURIER_DRAIN_FINISH": "3s",
               **{name: str(value) for name, value in topology.get("settings", {}).items()}}
        if topology["store"] == "postgres":
            for statement in (f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)", f"CREATE DATABASE {self.database}"):
                await command("psql", "--quiet", postgres(), "--command", statement)
            uri = postgres(self.database)
            port = int(re.search(r":(\d+)/", uri).group(1))
            env["COURIER_DATABASE"] = uri.replace(f":{port}/", f":{await self.behind('database', port)}/")
            if topology.get("redis"):
                port = int(os.environ["COURIER_TEST_REDIS"].rsplit(":", 1)[1])
                env["COURIER_BROKER"] = f"redis://127.0.0.1:{await self.behind('redis', port)}"
            names = [f"{role}-{number}" for role in ("api", "worker") for number in range(1, topology[role] + 1)]
        else:
            env["COURIER_DATABASE"] = os.path.join(self.folder, "courier.db")
            names = ["all-1"]
        for name in names:
            self.nodes[name] = Node(name, self.program, {**env, "COURIER_ROLE": name.split("-")[0]}, self.log)
        first, *others = self.nodes.values()  # the first one makes the schema
        first.start()
        await first.ready()
        for node in others:
            node.start()
        await asyncio.gather(*(node.ready() for node in others))

    async def behind(self, name, port):
        """The port of a proxy before this port."""
        made = await self.ask("POST", "/proxies", name=name, upstream=f"127.0.0.1:{port}")
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

    async def end(self):
        """Asks all to end; notes their exit statuses; kills what stays. The database goes too."""
        for node in self.nodes.values():
            with contextlib.suppress(ProcessLookupError):
                node.signal(signal.SIGCONT)
                node.signal(signal.SIGTERM)
        for node in self.nodes.values():
            node.exits.append(await node.gone(15))
            processes.end(node.process, patience=1)
        processes.end(self.proxy, patience=5)
        self.log.close()
        if self.drill["topology"]["store"] == "postgres":
            await command("psql", "--quiet", postgres(), "--command", f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
