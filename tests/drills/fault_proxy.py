#!/usr/bin/env python3
"""A fault proxy in Toxiproxy's words: TCP connections on loopback that are slow, narrow, cut, torn or dead, told so over REST.

  tests/drills/fault_proxy.py [--port 8474]        prints 'fault proxy on PORT'; SIGTERM ends it

  GET    /proxies                                  all of them
  POST   /proxies            {"name": "database", "upstream": "127.0.0.1:5432", "listen": "127.0.0.1:0", "enabled": true}
  POST   /proxies/database   {"enabled": false}    down: refuses connections and ends those there are
  DELETE /proxies/database
  POST   /proxies/database/toxics  {"name": "slow", "type": "latency", "stream": "downstream", "attributes": {"latency": 500}}
  DELETE /proxies/database/toxics/slow
  POST   /reset                                    everything enabled, no toxics

Toxics act at once on connections that exist. stream: upstream (to the server) or downstream (to the client, the default).

  latency      latency, jitter (ms)                every byte later; the order stays
  bandwidth    rate (KB/s)
  timeout      timeout (ms)                        no byte passes; closed after that time (0: when the toxic is removed)
  reset_peer   timeout (ms)                        TCP reset after that time
  slicer       average_size, size_variation (bytes), delay (us between pieces)
  limit_data   bytes                               closed after so many
  slow_close   delay (ms)                          the end of the stream is told later
"""
import argparse
import asyncio
import contextlib
import json
import random
import signal
import socket
import struct

import small_http

ATTRIBUTES = {"latency": {"latency": 0, "jitter": 0}, "bandwidth": {"rate": 0}, "timeout": {"timeout": 0}, "reset_peer": {"timeout": 0},
              "slicer": {"average_size": 1, "size_variation": 0, "delay": 0}, "limit_data": {"bytes": 0}, "slow_close": {"delay": 0}}
PIECES = 64  # of 16 KB at most wait in a direction; then the sender waits


class Wrong(Exception):
    """A request that cannot be done; the message names what and why."""


def toxic_of(text):
    """A checked toxic from its JSON."""
    kind, stream = text.get("type"), text.get("stream", "downstream")
    if kind not in ATTRIBUTES:
        raise Wrong(f"type: '{kind}' is not one of {', '.join(ATTRIBUTES)}")
    if stream not in ("upstream", "downstream"):
        raise Wrong(f"stream: '{stream}' is neither upstream nor downstream")
    attributes = dict(ATTRIBUTES[kind])
    for name, value in text.get("attributes", {}).items():
        if name not in attributes or not isinstance(value, (int, float)) or value < 0:
            raise Wrong(f"attributes.{name}: {kind} takes numbers from 0 for {', '.join(attributes)}")
        attributes[name] = value
    if kind in ("bandwidth", "slicer") and not attributes[{"bandwidth": "rate", "slicer": "average_size"}[kind]]:
        raise Wrong(f"attributes: {kind} needs a rate or size above 0")
    return {"name": text.get("name", f"{kind}_{stream}"), "type": kind, "stream": stream, "attributes": attributes}


def delay_of(toxics, draw):
    """Seconds that what arrives now is held back; draw() is uniform in [-1, 1]."""
    return sum(max(0, a["latency"] + a["jitter"] * draw()) for a in toxics.get("latency", [])) / 1000


def slices_of(toxics, data, draw):
    """What is sent one after the other: [(seconds to wait after it, piece)]."""
    pieces = [(0, data)]
    for a in toxics.get("slicer", []):
        pieces, rest = [], data
        while rest:
            size = max(1, round(a["average_size"] + a["size_variation"] * draw()))
            pieces.append((a["delay"] / 1e6, rest[:size]))
            rest = rest[size:]
    for a in toxics.get("bandwidth", []):
        pieces = [(wait + len(piece) / (a["rate"] * 1000), piece) for wait, piece in pieces]
    return pieces


class Direction:
    """One way of one connection: a reader that notes when each piece is due, and a writer that waits until then."""

    def __init__(self, link, stream, reader, writer):
        self.link, self.stream, self.reader, self.writer = link, stream, reader, writer
        self.passed, self.queue = 0, asyncio.Queue(PIECES)

    def toxics(self):
        found = {}
        for toxic in self.link.proxy.toxics.values():
            if toxic["stream"] == self.stream:
                found.setdefault(toxic["type"], []).append(toxic["attributes"])
        return found

    @staticmethod
    def draw():
        return random.uniform(-1, 1)

    async def read(self):
        loop, data = asyncio.get_running_loop(), b"-"
        while data:
            data = await self.reader.read(16384)
            await self.queue.put((loop.time() + delay_of(self.toxics(), self.draw), data))

    async def write(self):
        loop = asyncio.get_running_loop()
        while True:
            due, data = await self.queue.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not data:
                await asyncio.sleep(sum(a["delay"] for a in self.toxics().get("slow_close", [])) / 1000)
                if self.writer.can_write_eof():
                    self.writer.write_eof()
                return
            for wait, piece in slices_of(self.toxics(), data, self.draw):
                if "timeout" in self.toxics():
                    await asyncio.Event().wait()  # what was swallowed cannot be given back; watch() ends the connection
                limits = [a["bytes"] for a in self.toxics().get("limit_data", [])]
                left = min(limits) - self.passed if limits else len(piece)
                self.writer.write(piece[:max(0, left)])
                self.passed += len(piece)
                await self.writer.drain()
                if left <= len(piece) and limits:
                    raise ConnectionAbortedError("limit_data")
                if wait:
                    await asyncio.sleep(wait)

    async def watch(self):
        """Ends the connection when timeout or reset_peer say so, data or not."""
        silent = False
        while True:
            changed = self.link.proxy.changed
            toxics = self.toxics()
            if silent and "timeout" not in toxics:
                raise ConnectionAbortedError("a timeout toxic was removed")
            silent = "timeout" in toxics
            ends = [(a["timeout"], kind) for kind in ("timeout", "reset_peer") for a in toxics.get(kind, [])
                    if a["timeout"] or kind == "reset_peer"]
            try:
                await asyncio.wait_for(changed.wait(), min(ends)[0] / 1000 if ends else None)
            except asyncio.TimeoutError:
                self.link.reset = min(ends)[1] == "reset_peer"
                raise ConnectionAbortedError(min(ends)[1]) from None


class Link:
    """One connection through a proxy."""

    def __init__(self, proxy):
        self.proxy, self.reset = proxy, False

    async def run(self, reader, writer):
        writers, tasks, orderly = [writer], [], False
        try:
            server_reader, server_writer = await asyncio.open_connection(*self.proxy.upstream)
            writers.append(server_writer)
            ways = [Direction(self, "upstream", reader, server_writer), Direction(self, "downstream", server_reader, writer)]
            tasks = [asyncio.ensure_future(one()) for way in ways for one in (way.read, way.watch)]
            ends = asyncio.gather(*(way.write() for way in ways))
            tasks.append(ends)
            readers_and_guards = set(tasks)
            while not ends.done():
                done, readers_and_guards = await asyncio.wait(readers_and_guards, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            orderly = True
        except OSError:
            pass  # the network's faults are what this is about
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for one in writers:
                if self.reset:
                    one.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if orderly:
                    one.close()  # after what is buffered
                else:
                    one.transport.abort()


class Proxy:
    """A listening port and where it leads."""

    def __init__(self, name, listen, upstream):
        self.name, self.listen, self.upstream = name, listen, upstream
        self.toxics, self.changed, self.server, self.links = {}, asyncio.Event(), None, set()

    def tell(self):
        """Wakes all connections to look at the toxics again."""
        self.changed.set()
        self.changed = asyncio.Event()

    async def enable(self):
        if not self.server:
            self.server = await asyncio.start_server(self._accept, *self.listen)
            self.listen = self.server.sockets[0].getsockname()[:2]

    async def disable(self):
        if self.server:
            self.server.close()
            self.server = None
            for link in list(self.links):
                link.cancel()
            await asyncio.gather(*self.links, return_exceptions=True)

    async def _accept(self, reader, writer):
        task = asyncio.current_task()
        self.links.add(task)
        try:
            await Link(self).run(reader, writer)
        except asyncio.CancelledError:
            pass  # down
        finally:
            self.links.discard(task)

    def json(self):
        return {"name": self.name, "listen": "%s:%d" % tuple(self.listen), "upstream": "%s:%d" % self.upstream,
                "enabled": self.server is not None, "toxics": list(self.toxics.values())}


def address(text):
    host, _, port = str(text).rpartition(":")
    if not host or not port.isdigit():
        raise Wrong(f"'{text}' is not HOST:PORT")
    return host, int(port)


class Rest:
    def __init__(self):
        self.proxies = {}

    async def answer(self, method, path, _, body):
        try:
            status, value = await self._do(method, path.strip("/").split("/"), json.loads(body or b"{}"))
            return status, json.dumps(value).encode()
        except (Wrong, OSError, ValueError) as error:
            return 400, json.dumps({"error": str(error)}).encode()
        except KeyError as error:
            return 404, json.dumps({"error": f"there is no {error}"}).encode()

    async def _do(self, method, parts, text):
        match (method, *parts):
            case ("GET", "proxies"):
                return 200, {name: proxy.json() for name, proxy in self.proxies.items()}
            case ("POST", "proxies"):
                if text.get("name") in self.proxies or not text.get("name"):
                    raise Wrong(f"name: '{text.get('name')}' is taken or empty")
                proxy = Proxy(text["name"], address(text.get("listen", "127.0.0.1:0")), address(text.get("upstream")))
                await proxy.enable()
                if not text.get("enabled", True):
                    await proxy.disable()
                self.proxies[proxy.name] = proxy
                return 201, proxy.json()
            case ("GET", "proxies", name):
                return 200, self.proxies[name].json()
            case ("POST", "proxies", name):
                proxy = self.proxies[name]
                await (proxy.enable() if text.get("enabled", True) else proxy.disable())
                return 200, proxy.json()
            case ("DELETE", "proxies", name):
                await self.proxies.pop(name).disable()
                return 200, {}
            case ("POST", "proxies", name, "toxics"):
                proxy, toxic = self.proxies[name], toxic_of(text)
                if toxic["name"] in proxy.toxics:
                    raise Wrong(f"name: toxic '{toxic['name']}' is there already")
                proxy.toxics[toxic["name"]] = toxic
                proxy.tell()
                return 200, toxic
            case ("DELETE", "proxies", name, "toxics", toxic):
                del self.proxies[name].toxics[toxic]
                self.proxies[name].tell()
                return 200, {}
            case ("POST", "reset"):
                for proxy in self.proxies.values():
                    proxy.toxics.clear()
                    proxy.tell()
                    await proxy.enable()
                return 200, {}
        raise KeyError(f"{method} /{'/'.join(parts)}")


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8474, help="of the REST API, on loopback; 0: a free one (default: 8474)")
    server = await small_http.serve(Rest().answer, parser.parse_args().port)
    over = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, over.set)
    print(f"fault proxy on {small_http.port_of(server)}", flush=True)
    await over.wait()


if __name__ == "__main__":
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(main())
