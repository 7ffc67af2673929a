#!/usr/bin/env python3
"""What the kernel says: of this very process, of a text of its table, and what becomes of it."""
import os
import socket
import unittest

import resources


class Kernel(unittest.TestCase):
    def test_connections_of_a_process_to_a_port(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
                with open("/proc/net/tcp", encoding="ascii") as file:
                    found = resources.established(file.read(), {port})
                self.assertEqual(sorted(found.values()), [port, port])  # by remote port: the server's ends are not among them
                self.assertLess(set(found), resources.inodes(os.getpid()))

    def test_only_what_is_established(self):
        line = "   1: 0100007F:9C40 0100007F:1538 {} 00000000:00000000 00:00000000 00000000   105        0 4711 1 0 20 4 30 10 -1"
        table = "\n".join(["  sl  local_address rem_address", line.format("01"), line.format("08").replace("4711", "4712")])
        self.assertEqual(resources.established(table, {0x1538}), {"4711": 0x1538})
        self.assertEqual(resources.established(table, set()), {})

    def test_memory_that_is_resident(self):
        block = bytearray(64 * 2**20)
        block[::4096] = b"x" * len(block[::4096])
        self.assertGreater(resources.resident(os.getpid()), 64)

    def test_the_port_is_that_of_the_database(self):
        class Node:
            env = {"COURIER_DATABASE": "postgres://courier:a:5/b@127.0.0.1:5544/drill"}
        self.assertEqual(resources.database_port(Node), 5544)
        Node.env = {"COURIER_DATABASE": "/var/tmp/courier.db"}
        self.assertIsNone(resources.database_port(Node))


class Growth(unittest.TestCase):
    def test_from_just_before_the_fault_to_the_most_in_it(self):
        looks = {"api-1": [(1, 9), (4, 10), (6, 30), (12, 14), (21, 31), (40, 99)], "api-2": [(4, 10), (6, 11)]}
        self.assertEqual(resources.growth(looks, [(5, 10), (20, 25)]), 21)

    def test_a_node_that_was_not_there_before_has_none(self):
        self.assertIsNone(resources.growth({"api-1": [(6, 30)]}, [(5, 10)]))


if __name__ == "__main__":
    unittest.main()
