"""The faults a drill may name, each a coroutine that ends when its fault is over. `at` and `for` are seconds of the load.

  {kill: api-1, for: 2}             SIGKILL; started again after `for`
  {stop: api-1, for: 5}             SIGSTOP, then SIGCONT: a hung pod
  {restart: api}                    SIGTERM to each of a role, the next one when the one before is ready again
  {proxy: database, down: true, for: 4}
  {proxy: database, toxic: latency, attributes: {latency: 500}, for: 4}     `stream` as fault_proxy.py has it
  {terminate: backends}             every connection of the drill's database
  {sql: "DELETE ..."}               in the drill's database
  {flush: redis}
  {receiver: errors, for: 4}        or silent
  {overload: 5, for: 8}             so many times the rate
  {slowloris: 50}                   so many connections whose request never ends, until courier has closed all of them

A node that is killed, stopped or asked to end stays in the clients' rotation for `lag` seconds, as endpoints lag behind.
"""
import asyncio
import os
import signal

import processes
from world import Trouble, command, postgres


class Faults:
    def __init__(self, drill, world, load, rotation, receiver):
        self.drill, self.world, self.load, self.rotation, self.receiver = drill, world, load, rotation, receiver
        self.lag, self.begins, self.ends, self.found = drill.get("lag", 1), [], [], {}

    async def run(self):
        await asyncio.gather(*(self.one(fault, True) for fault in self.drill["faults"]),
                             *(self.one(fault, False) for fault in self.drill.get("scene", [])))

    async def one(self, fault, counts):
        kind = next((kind for kind in self.KINDS if kind in fault), None)
        if not kind:
            raise Trouble(f"faults: none of {', '.join(self.KINDS)} is in {fault}")
        await asyncio.sleep(fault["at"])
        begun = self.load.now
        await self.KINDS[kind](self, fault)
        if counts:
            self.begins.append(begun)
            self.ends.append(self.load.now)

    async def leaves(self, node):
        await asyncio.sleep(self.lag)
        self.rotation.remove(node.name)

    async def kill(self, fault):
        node = self.world.nodes[fault["kill"]]
        node.signal(signal.SIGKILL)
        processes.running.discard(node.process)
        leaving = asyncio.ensure_future(self.leaves(node))
        await node.gone()
        await asyncio.sleep(fault["for"])
        await leaving
        await self.returns(node)

    async def returns(self, node):
        node.start()
        await node.ready()
        if node in self.world.fronts():
            self.rotation.add(node.name, node.port)

    async def stop(self, fault):
        node = self.world.nodes[fault["stop"]]
        node.signal(signal.SIGSTOP)
        leaving = asyncio.ensure_future(self.leaves(node))
        await asyncio.sleep(fault["for"])
        node.signal(signal.SIGCONT)
        await leaving
        await node.ready()
        if node in self.world.fronts():
            self.rotation.add(node.name, node.port)

    async def restart(self, fault):
        for node in [node for node in self.world.nodes.values() if node.name.startswith(fault["restart"])]:
            node.signal(signal.SIGTERM)
            await self.leaves(node)
            node.exits.append(await node.gone())
            await self.returns(node)

    async def proxy(self, fault):
        name = fault["proxy"]
        if fault.get("down"):
            await self.world.ask("POST", f"/proxies/{name}", enabled=False)
            await asyncio.sleep(fault["for"])
            await self.world.ask("POST", f"/proxies/{name}", enabled=True)
        else:
            await self.world.ask("POST", f"/proxies/{name}/toxics", name="drill", type=fault["toxic"],
                                 stream=fault.get("stream", "downstream"), attributes=fault.get("attributes", {}))
            await asyncio.sleep(fault["for"])
            await self.world.ask("DELETE", f"/proxies/{name}/toxics/drill")

    async def terminate(self, fault):
        await command("psql", "--quiet", postgres(), "--command", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                      f"WHERE datname = '{self.world.database}'")

    async def sql(self, fault):
        await command("psql", "--quiet", postgres(self.world.database), "--command", fault["sql"])

    async def flush(self, fault):
        await command("redis-cli", "-u", os.environ["COURIER_TEST_REDIS"], "FLUSHALL")

    async def change_receiver(self, fault):
        self.receiver.mode = fault["receiver"]
        await asyncio.sleep(fault["for"])
        self.receiver.mode = "ok"

    async def overload(self, fault):
        self.load.factor = fault["overload"]
        await asyncio.sleep(fault["for"])
        self.load.factor = 1

    async def slowloris(self, fault):
        """Each sends a byte of a header a second, which an idle time-out would take for life."""
        async def one():
            reader, writer = await asyncio.open_connection("127.0.0.1", self.world.fronts()[0].port)
            try:
                writer.write(b"GET /version HTTP/1.1\r\nHost: courier\r\nX-Slow: ")
                closed = asyncio.ensure_future(reader.read())
                for _ in range(40):
                    done, _ = await asyncio.wait([closed], timeout=1)
                    if done:
                        closed.exception()
                        return self.load.now - begun
                    writer.write(b"a")
                return 1000.0
            finally:
                writer.transport.abort()
        begun = self.load.now
        self.found["closed_seconds"] = round(max(await asyncio.gather(*(one() for _ in range(fault["slowloris"])))), 1)

    KINDS = {"kill": kill, "stop": stop, "restart": restart, "proxy": proxy, "terminate": terminate, "sql": sql, "flush": flush,
             "receiver": change_receiver, "overload": overload, "slowloris": slowloris}
