#!/usr/bin/env python3
"""What is told by asking beside the load: when the database began to store, and whether copies were read."""
import unittest

import copies
import starts


class Starts(unittest.TestCase):
    records = [{"t": 1.0, "type": "invoke", "key": "a"}, {"t": 2.0, "type": "invoke", "key": "b"}, {"t": 2.1, "type": "ok", "key": "b"}]

    def test_after_the_deadline_and_what_an_answer_may_take_to_be_read(self):
        self.assertEqual(starts.after_expiry([("a", 1.29), ("b", 2.31)], self.records, 0.25),
                         {"queries_after_expiry": 1, "queries_seen": 2})

    def test_what_nobody_posted_is_not_judged(self):
        self.assertEqual(starts.after_expiry([("c", 99)], self.records, 0.25), {"queries_after_expiry": 0, "queries_seen": 0})


class Copies(unittest.TestCase):
    def test_in_the_fault_and_of_an_endpoint_while_its_copy_may_serve(self):
        reads = [(5, "message", False), (11, "message", True), (11, "endpoint", False), (39, "endpoint", True), (41, "endpoint", False),
                 (65, "message", True), (71, "message", False)]
        self.assertEqual(copies.ok_percent(reads, 10, 70), {"cached_reads_ok_percent": 75.0, "cached_reads": 4})

    def test_without_reads_nothing_was_measured(self):
        self.assertIsNone(copies.ok_percent([], 10, 70)["cached_reads_ok_percent"])


if __name__ == "__main__":
    unittest.main()
