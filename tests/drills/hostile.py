"""Connections that no honest client makes, straight to the first node.

  {slowloris: 200}              so many whose request never ends, until courier has closed all of them: closed_seconds
  {connections: 200, for: 4}    so many that say nothing, more than it has descriptors for, and who is turned away knocks again; then all
                                are closed: accept_seconds until a new connection is served
  {requests: hostile}           each of those below: hostile_taken counts those that were not answered as they should be, within 2 s
"""
import asyncio
import contextlib

import small_http

AGAIN = 0.25  # s until a connection that was turned away is made anew
HEAD = b"POST /echo HTTP/1.1\r\nHost: courier\r\n"
# What is sent, how the answers must begin. A body that is announced is never sent: the refusal must not wait for it.
REQUESTS = {
    "a header of 64 KB": (b"GET /version HTTP/1.1\r\nHost: courier\r\nX-Long: " + b"a" * 65536, [b"431"]),
    "a body of 300 MB": (HEAD + b"Content-Length: 314572800\r\n\r\n", [b"413"]),
    "Content-Length and Transfer-Encoding": (HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [b"400"]),
    "two Content-Lengths": (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", [b"400"]),
    "eight at once": (b"GET /version HTTP/1.1\r\nHost: courier\r\n\r\n" * 8, [b"200"] * 8),
}


async def slowloris(faults, fault):
    """Each sends a byte of a header a second, which an idle time-out would take for life."""
    async def one():
        reader, writer = await asyncio.open_connection("127.0.0.1", faults.world.fronts()[0].port)
        try:
            writer.write(b"GET /version HTTP/1.1\r\nHost: courier\r\nX-Slow: ")
            closed = asyncio.ensure_future(reader.read())
            for _ in range(40):
                done, _ = await asyncio.wait([closed], timeout=1)
                if done:
                    closed.exception()
                    return faults.load.now - begun
                writer.write(b"a")
            return 1000.0
        finally:
            writer.transport.abort()
    begun = faults.load.now
    longest = round(max(await asyncio.gather(*(one() for _ in range(fault["slowloris"])))), 1)
    faults.found["closed_seconds"] = max(longest, faults.found.get("closed_seconds", 0))


async def connections(faults, fault):
    port, over = faults.world.fronts()[0].port, faults.load.now + fault["for"]

    async def one():
        while (left := over - faults.load.now) > 0:
            with contextlib.suppress(asyncio.TimeoutError, OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    await asyncio.wait_for(reader.read(), left)
                finally:
                    writer.transport.abort()
            await asyncio.sleep(min(AGAIN, max(0, over - faults.load.now)))
    await asyncio.gather(*(one() for _ in range(fault["connections"])))
    closed = faults.load.now
    for _ in range(100):
        with contextlib.suppress(small_http.Refused):
            if (await small_http.Client(port).call("GET", "/version", 10))[0] == 200:
                break
    faults.found["accept_seconds"] = round(faults.load.now - closed, 2)


async def answers(port, sent, count):
    """The statuses of so many answers; what is not there after 2 s is missing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    statuses = []
    try:
        writer.write(sent)
        for _ in range(count):
            first, _, _ = await asyncio.wait_for(small_http.read_message(reader), 2)
            statuses.append(first.split(" ")[1].encode())
        return statuses
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
        return statuses
    finally:
        writer.transport.abort()


async def requests(faults, fault):
    port, wrong = faults.world.fronts()[0].port, {}
    for name, (sent, wanted) in REQUESTS.items():
        got = await answers(port, sent, len(wanted))
        if got != wanted:
            wrong[name] = b" ".join(got).decode() or "no answer"
    faults.found.update(hostile_taken=len(wrong), hostile_requests=len(REQUESTS), hostile_wrong=wrong)


KINDS = {"slowloris": slowloris, "connections": connections, "requests": requests}
