"""HTTP/1.1 in as much as the drills need: a server for handlers, and a client whose connections are kept and whose calls have an end.

Bodies have a Content-Length; nothing is chunked, compressed or encrypted. asyncio, one loop, no threads.
"""
import asyncio
import contextlib

WORDS = {200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 404: "Not Found", 409: "Conflict", 500: "Internal Server Error"}


async def read_message(reader):
    """(first line, headers by lower-case name, body). IncompleteReadError at the connection's end."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return first, headers, await reader.readexactly(int(headers.get("content-length", 0)))


async def serve(handler, port=0):
    """An asyncio server on loopback. `await handler(method, path, headers, body)` answers (status, bytes), or None: never an answer."""
    async def connection(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, asyncio.CancelledError):
            while True:
                first, headers, body = await read_message(reader)
                method, path, _ = first.split(" ")
                answer = await handler(method, path, headers, body)
                if answer is None:
                    await reader.read()  # until the client gives up
                    break
                status, text = answer
                length = f"Content-Length: {len(text)}\r\n" if status != 204 else ""
                writer.write(f"HTTP/1.1 {status} {WORDS.get(status, 'Status')}\r\n{length}\r\n".encode() + text)
                await writer.drain()
        writer.close()
    return await asyncio.start_server(connection, "127.0.0.1", port)


def port_of(server):
    return server.sockets[0].getsockname()[1]


class Refused(Exception):
    """No answer came; the message says why."""


class Client:
    """Calls to one port, usually of loopback, over kept connections; as many at a time as are asked for."""

    def __init__(self, port, host="127.0.0.1"):
        self.port, self.host, self.idle = port, host, []

    async def call(self, method, path, seconds, body=b"", headers=None):
        """(status, body) within so many seconds, or Refused. Never repeats anything by itself."""
        try:
            return await asyncio.wait_for(self._call(method, path, body, headers or {}), seconds)
        except asyncio.TimeoutError:
            raise Refused("time out") from None
        except ConnectionRefusedError:
            raise Refused("connection refused") from None
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            raise Refused(f"connection lost: {type(error).__name__}") from None

    async def _call(self, method, path, body, headers):
        reader = writer = None
        while self.idle and reader is None:
            reader, writer = self.idle.pop()
            if reader.at_eof() or writer.is_closing():
                writer.close()
                reader = None
        if reader is None:
            reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            lines = [f"{method} {path} HTTP/1.1", "Host: courier", f"Content-Length: {len(body)}",
                     *(f"{name}: {value}" for name, value in headers.items())]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            first, answer, content = await read_message(reader)
        except BaseException:
            writer.transport.abort()  # also when the time is over: its answer must not be taken for the next one's
            raise
        if answer.get("connection", "").lower() == "close":
            writer.close()
        else:
            self.idle.append((reader, writer))
        return int(first.split(" ")[1]), content

    def close(self):
        for _, writer in self.idle:
            writer.close()
        self.idle.clear()
