#!/usr/bin/env python3
"""The fault proxy, toxic by toxic, on an echo server. No test measures time: delays are asked of the functions that decide them."""
import asyncio
import json
import unittest

import fault_proxy as f
import small_http

LIMIT = 60  # s, of whatever should happen


class Decisions(unittest.TestCase):
    def test_latency_is_added_up_and_jitter_moves_it_but_never_before_now(self):
        toxics = {"latency": [{"latency": 500, "jitter": 100}, {"latency": 20, "jitter": 50}]}
        self.assertAlmostEqual(f.delay_of(toxics, lambda: 0), 0.52)
        self.assertAlmostEqual(f.delay_of(toxics, lambda: 1), 0.67)
        self.assertAlmostEqual(f.delay_of(toxics, lambda: -1), 0.4)
        self.assertEqual(f.delay_of({}, lambda: 1), 0)

    def test_a_slicer_keeps_every_byte_in_order(self):
        data = bytes(range(100))
        pieces = f.slices_of({"slicer": [{"average_size": 7, "size_variation": 0, "delay": 2000}]}, data, lambda: 0)
        self.assertEqual(b"".join(piece for _, piece in pieces), data)
        self.assertEqual([len(piece) for _, piece in pieces], [7] * 14 + [2])
        self.assertEqual({wait for wait, _ in pieces}, {0.002})

    def test_bandwidth_waits_for_each_byte(self):
        (wait, piece), = f.slices_of({"bandwidth": [{"rate": 10}]}, b"x" * 5000, lambda: 0)
        self.assertEqual((wait, len(piece)), (0.5, 5000))

    def test_what_cannot_be_is_refused_with_the_field(self):
        for text, field in (({"type": "fog"}, "type"), ({"type": "latency", "stream": "sideways"}, "stream"),
                            ({"type": "latency", "attributes": {"rate": 1}}, "attributes.rate"),
                            ({"type": "latency", "attributes": {"latency": -1}}, "attributes.latency"),
                            ({"type": "bandwidth"}, "attributes")):
            with self.assertRaisesRegex(f.Wrong, field):
                f.toxic_of(text)


class OnTheWire(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.open = []
        self.echo = await asyncio.start_server(self.answer, "127.0.0.1", 0)
        self.rest = f.Rest()
        made = await self.do("POST", "/proxies", name="echo", upstream=f"127.0.0.1:{small_http.port_of(self.echo)}")
        self.address = f.address(made["listen"])

    async def asyncTearDown(self):
        await self.do("DELETE", "/proxies/echo")
        self.echo.close()
        for writer in self.open:
            writer.close()

    async def answer(self, reader, writer):
        self.open.append(writer)
        try:
            while data := await reader.read(4096):
                writer.write(data)
        except (OSError, asyncio.CancelledError):
            pass  # the test is over
        writer.close()

    async def do(self, method, path, status=None, **text):
        got, body = await self.rest.answer(method, path, {}, json.dumps(text).encode())
        self.assertEqual(got if status else got // 100, status or 2, body)
        return json.loads(body)

    async def connect(self):
        reader, writer = await asyncio.open_connection(*self.address)
        self.open.append(writer)
        return reader, writer

    async def echoed(self, data, end=True):
        """What comes back of the data, until the connection's end."""
        reader, writer = await self.connect()
        writer.write(data)
        if end:
            writer.write_eof()
        return await asyncio.wait_for(reader.read(), LIMIT)

    async def test_bytes_and_the_end_pass_in_both_directions(self):
        data = bytes(range(256)) * 4000
        self.assertEqual(await self.echoed(data), data)

    async def test_toxics_that_only_delay_lose_nothing(self):
        for kind, attributes in (("latency", {"latency": 5, "jitter": 5}),
                                 ("slicer", {"average_size": 90, "size_variation": 50, "delay": 1}),
                                 ("bandwidth", {"rate": 100000}), ("slow_close", {"delay": 5})):
            for stream in ("upstream", "downstream"):
                await self.do("POST", "/proxies/echo/toxics", type=kind, stream=stream, attributes=attributes)
        data = bytes(range(256)) * 100
        self.assertEqual(await self.echoed(data), data)

    async def test_limit_data_passes_so_many_bytes_and_closes(self):
        await self.do("POST", "/proxies/echo/toxics", type="limit_data", attributes={"bytes": 10})
        with self.subTest("in one piece"):
            reader, writer = await self.connect()
            writer.write(b"0123456789abc")
            self.assertEqual(await asyncio.wait_for(reader.readexactly(10), LIMIT), b"0123456789")
            with self.assertRaises((asyncio.IncompleteReadError, ConnectionResetError)):
                await asyncio.wait_for(reader.readexactly(1), LIMIT)

    async def test_down_refuses_and_ends_what_is_there_and_up_serves_again(self):
        reader, writer = await self.connect()
        writer.write(b"a")
        self.assertEqual(await asyncio.wait_for(reader.readexactly(1), LIMIT), b"a")
        await self.do("POST", "/proxies/echo", enabled=False)
        with self.assertRaises((asyncio.IncompleteReadError, ConnectionResetError)):
            await asyncio.wait_for(reader.readexactly(1), LIMIT)
        with self.assertRaises(ConnectionRefusedError):
            await self.connect()
        await self.do("POST", "/proxies/echo", enabled=True)
        self.assertEqual(await self.echoed(b"again"), b"again")

    async def test_reset_peer_resets_a_connection_that_exists(self):
        reader, writer = await self.connect()
        writer.write(b"a")
        await asyncio.wait_for(reader.readexactly(1), LIMIT)
        await self.do("POST", "/proxies/echo/toxics", type="reset_peer")
        with self.assertRaises(ConnectionResetError):
            await asyncio.wait_for(reader.readexactly(1), LIMIT)

    async def test_timeout_lets_no_byte_pass_and_closes(self):
        await self.do("POST", "/proxies/echo/toxics", type="timeout", attributes={"timeout": 20})
        reader, writer = await self.connect()
        writer.write(b"never")
        with self.assertRaises((asyncio.IncompleteReadError, ConnectionResetError)):
            await asyncio.wait_for(reader.readexactly(1), LIMIT)

    async def test_an_endless_timeout_ends_with_its_removal_and_the_connection_with_it(self):
        await self.do("POST", "/proxies/echo/toxics", type="timeout", name="hole")
        reader, writer = await self.connect()
        writer.write(b"never")
        while not self.rest.proxies["echo"].links:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting = asyncio.ensure_future(reader.read(1))
        for _ in range(50):
            await asyncio.sleep(0)
        self.assertFalse(waiting.done())
        await self.do("POST", "/reset")
        try:
            self.assertEqual(await asyncio.wait_for(waiting, LIMIT), b"")
        except ConnectionResetError:
            pass
        self.assertEqual(await self.echoed(b"again"), b"again")

    async def test_one_direction_only(self):
        await self.do("POST", "/proxies/echo/toxics", type="limit_data", stream="upstream", attributes={"bytes": 100})
        reader, writer = await self.connect()
        writer.write(b"up")
        self.assertEqual(await asyncio.wait_for(reader.readexactly(2), LIMIT), b"up")
        self.assertEqual((await self.do("GET", "/proxies"))["echo"]["toxics"][0]["stream"], "upstream")

    async def test_rest_says_what_is_wrong(self):
        await self.do("POST", "/proxies", status=400, name="echo", upstream="127.0.0.1:1")
        await self.do("POST", "/proxies", status=400, name="b", upstream="nowhere")
        await self.do("GET", "/proxies/none", status=404)
        await self.do("DELETE", "/proxies/echo/toxics/none", status=404)
        self.assertEqual((await self.rest.answer("POST", "/proxies", {}, b"{"))[0], 400)


if __name__ == "__main__":
    unittest.main()
