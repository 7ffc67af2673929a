"""The faults a drill may name, each a coroutine that ends when its fault is over. `at` and `for` are seconds of the load.

  {kill: api-1, for: 2}             SIGKILL; started again after `for`
  {stop: api-1, for: 5}             SIGSTOP, then SIGCONT: a hung pod. A worker that is stopped for longer than its loans last stays so
                                    until others have taken them over, and is watched (loans.py)
  {restart: api}                    SIGTERM to each of a role, the next one when the one before is ready again
  {proxy: database, down: true, for: 4}
  {proxy: database, toxic: latency, attributes: {latency: 500}, for: 4}     `stream` as fault_proxy.py has it. Proxies: database, redis,
                                    receiver, elsewhere; database@api-1 and redis@api-1 are before that node only
  {terminate: backends}             every connection of the drill's database
  {sql: "DELETE ..."}               in the drill's database
  {lock: "SELECT ... FOR UPDATE", for: 4}                  a transaction that did this and does not end
  {migrate: down 1}                 `courier migrate ...`, beside the couriers that run
  {flush: redis}
  {receiver: errors, for: 4}        or silent, or drops, of a `share` of the calls; or repeats
  {overload: 5, for: 8}             so many times the rate
  {peak: 1.6, for: 7}               the same, to see how much can be answered well at all: goodput_of_peak_percent
  {greedy: 200, for: 8}             so many writes a second of the tenant 'greedy' (topology: tenants)
  {clock: api-1, by: 3600, for: 8}  its clock is so many seconds ahead (topology: clocks)
  {disk: full, for: 5}              (topology: disk)
  {canary: wrong-password, for: 8}  one more api, started again and again, whose password for the database is wrong
  {slowloris: 50}, {connections: 200, for: 4}, {requests: hostile}         see hostile.py
  {race: 200, copies: 50}           so many idempotency keys, each with so many clients at once, see race.py
  {edit: endpoint, for: 8}          somebody changes an endpoint and others read it, see editor.py
  {read: copies, for: 8}            somebody reads what there are copies of, see copies.py
  {note: starts, for: 8}            when the database begins to store what clients post, see starts.py
  {waits: retries, for: 8}          how long deliveries that failed are put off, see waits.py

A node that is killed, stopped or asked to end stays in the clients' rotation for `lag` seconds, as endpoints lag behind.
"""
import asyncio
import contextlib
import json
import os
import signal

import clients
import copies
import editor
import hostile
import loans
import processes
import race
import small_http
import starts
import waits
from world import Trouble, command, postgres


class Faults:
    def __init__(self, drill, world, load, rotation, program):
        self.drill, self.world, self.load, self.rotation, self.program = drill, world, load, rotation, program
        self.lag, self.begins, self.ends, self.found, self.peaks = drill.get("lag", 1), [], [], {}, []
        self.loads = [load]

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
        for last in (False, False, True):
            node.start()
            try:
                await node.ready()
                break
            except Trouble:
                # One that ended because the database was too busy to answer is started again, as in a cluster.
                if last or node.process.poll() is None:
                    raise
                processes.running.discard(node.process)
        if node in self.world.fronts():
            self.rotation.add(node.name, node.port)

    async def stop(self, fault):
        node, begun = self.world.nodes[fault["stop"]], self.load.now
        node.signal(signal.SIGSTOP)
        leaving = asyncio.ensure_future(self.leaves(node))
        lent = await loans.of_the_stopped(self.world) if fault["for"] > loans.SECONDS else None
        await asyncio.sleep(max(0, begun + fault["for"] - self.load.now))
        if lent is not None:
            await loans.taken_over(self.world, lent)
        node.signal(signal.SIGCONT)
        await leaving
        await node.ready()
        if lent is not None:
            self.found.update(await loans.refused(lent, node))
        if node in self.world.fronts():
            self.rotation.add(node.name, node.port)

    async def restart(self, fault):
        for node in [node for node in self.world.nodes.values() if node.name.startswith(fault["restart"])]:
            asked = self.load.now
            node.signal(signal.SIGTERM)
            leaving = asyncio.ensure_future(self.leaves(node))
            node.exits.append(await node.gone())
            self.found["exit_seconds"] = max(round(self.load.now - asked, 1), self.found.get("exit_seconds", 0))
            await leaving
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

    async def lock(self, fault):
        steps = ("BEGIN", fault["lock"], f"SELECT pg_sleep({fault['for']})", "COMMIT")
        await command("psql", "--quiet", postgres(self.world.database), *(f"--command={step}" for step in steps))

    async def migrate(self, fault):
        await command("env", f"COURIER_DATABASE={self.world.env['COURIER_DATABASE']}", self.world.program, "migrate",
                      *fault["migrate"].split())

    async def flush(self, fault):
        await command("redis-cli", "-u", os.environ["COURIER_TEST_REDIS"], "FLUSHALL")

    async def change_receiver(self, fault):
        self.program.behave(fault["receiver"], fault.get("share", 1.0))
        await asyncio.sleep(fault["for"])
        self.program.behave("ok")

    async def overload(self, fault):
        self.load.hurry(fault["overload"])
        await asyncio.sleep(fault["for"])
        self.load.hurry(1)

    async def peak(self, fault):
        begun = self.load.now
        await self.overload({"overload": fault["peak"], "for": fault["for"]})
        self.peaks.append((begun + 1, self.load.now))

    async def greedy(self, fault):
        plan = {**self.load.plan, "rate": fault["greedy"], "seconds": fault["for"], "writes": 1.0, "retry": False, "tries": 0}
        prefix = f"greedy-{len(self.loads)}"  # its keys are new each time
        load = clients.Load(plan, self.program, self.load.log, prefix, self.world.tenants["greedy"])
        self.loads.append(load)
        await load.run()
        shed = round(100 * sum(r.shed for r in load.requests) / len(load.requests), 1)
        self.found["greedy_shed_percent"] = min(shed, self.found.get("greedy_shed_percent", 100))

    async def clock(self, fault):
        self.world.set_clock(fault["clock"], fault["by"])
        await asyncio.sleep(fault["for"])
        self.world.set_clock(fault["clock"], 0)

    async def disk(self, fault):
        """Fills what is left again and again; meanwhile asks courier to take something and notes how it says no."""
        node = self.world.fronts()[0]
        filler = f"/proc/{node.process.pid}/root{os.path.join(self.world.folder, 'disk', 'filler')}"
        taken = refused = 0
        client, begun = small_http.Client(node.port), self.load.now
        with open(filler, "wb", buffering=0) as file:
            while self.load.now < begun + fault["for"]:
                for block in (bytes(1024 * 1024), bytes(512)):
                    with contextlib.suppress(OSError):
                        while True:
                            file.write(block)
                key = f"disk-{taken + refused}"
                self.load.log.note("invoke", key)
                try:
                    status, body = await client.call("POST", "/v1/messages", 5, json.dumps({"payload": key}).encode(),
                                                     {"Idempotency-Key": key})
                except small_http.Refused as no_answer:
                    status, body = 0, json.dumps({"detail": str(no_answer)}).encode()
                if status == 202:
                    self.load.log.note("ok", key, id=json.loads(body)["id"])
                    taken += 1
                else:
                    refused += 1
                    self.found["problem"] = f"{status} {json.loads(body).get('detail', '')}"
                await asyncio.sleep(0.1)
        os.remove(filler)
        self.found.update(acknowledged_while_full=taken, refused_while_full=refused)

    async def canary(self, fault):
        node = await self.world.node("api-9")
        node.env["COURIER_DATABASE"] = node.env["COURIER_DATABASE"].replace(":courier-test@", f":{fault['canary']}@")
        client, begun, ready = small_http.Client(node.admin), self.load.now, 0
        self.world.others.append(node)  # it is asked for its liveness as all are
        while self.load.now < begun + fault["for"]:
            if node.process is None or node.process.poll() is not None:
                processes.running.discard(node.process)
                node.start()
            with contextlib.suppress(small_http.Refused):
                ready += (await client.call("GET", "/readyz", 1))[0] == 200
            await asyncio.sleep(0.05)
        processes.end(node.process, patience=10)
        self.world.others.remove(node)
        with open(node.log_path, encoding="utf-8") as file:
            why = next((json.loads(line)["error"] for line in file if "cannot start" in line), "none")
        self.found.update(canary_ready=ready, problem=why)

    KINDS = {"kill": kill, "stop": stop, "restart": restart, "proxy": proxy, "terminate": terminate, "sql": sql, "lock": lock,
             "migrate": migrate, "flush": flush, "receiver": change_receiver, "overload": overload, "peak": peak, "greedy": greedy,
             "clock": clock, "disk": disk, "canary": canary, **hostile.KINDS, **race.KINDS, **editor.KINDS, **copies.KINDS,
             **starts.KINDS, **waits.KINDS}
