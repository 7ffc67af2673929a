#!/usr/bin/env python3
"""What is told by asking beside the load: when the database began to store, whether copies were read, how long deliveries wait."""
import unittest

import copies
import starts
import waits


class Starts(unittest.TestCase):
    records = [{"t": 1.0, "type": "invoke", "key": "a"}, {"t": 1.25, "type": "info", "key": "a"}, {"t": 2.0, "type": "invoke", "key": "b"},
               {"t": 2.25, "type": "fail", "key": "b"}, {"t": 3.0, "type": "invoke", "key": "c"}, {"t": 3.2, "type": "ok", "key": "c"}]

    def test_after_the_client_knew_and_what_an_answer_may_take_to_be_read(self):
        self.assertEqual(starts.after_expiry([("a", 1.29), ("b", 2.31)], self.records), {"queries_after_expiry": 1, "queries_seen": 2})

    def test_what_was_taken_may_have_begun_at_any_time(self):
        self.assertEqual(starts.after_expiry([("c", 99)], self.records), {"queries_after_expiry": 0, "queries_seen": 1})


class Copies(unittest.TestCase):
    def test_in_the_fault_and_of_an_endpoint_while_its_copy_may_serve(self):
        reads = [(5, "message", False), (11, "message", True), (11, "endpoint", False), (39, "endpoint", True), (41, "endpoint", False),
                 (65, "message", True), (71, "message", False)]
        self.assertEqual(copies.ok_percent(reads, 10, 70), {"cached_reads_ok_percent": 75.0, "cached_reads": 4})

    def test_without_reads_nothing_was_measured(self):
        self.assertIsNone(copies.ok_percent([], 10, 70)["cached_reads_ok_percent"])


class Waits(unittest.TestCase):
    def test_the_place_of_a_wait_between_its_ends(self):
        self.assertEqual([waits.place(1, 1000), waits.place(1, 1500), waits.place(2, 8000), waits.place(7, 3600_000)], [0, 0.5, 1, 1])
        self.assertEqual([waits.place(1, 990), waits.place(1, 2100)], [0, 1])

    def test_what_is_spread_evenly_is_near_and_what_comes_back_together_is_far(self):
        self.assertLess(waits.distance([(number + 0.5) / 200 for number in range(200)]), 0.01)
        self.assertEqual(waits.distance([0.5] * 200), 0.5)
        self.assertEqual(waits.distance([0.0] * 200), 1.0)
        self.assertAlmostEqual(waits.distance([number / 400 for number in range(200)]), 0.5, 2)  # half of the range
        self.assertIsNone(waits.distance([]))


if __name__ == "__main__":
    unittest.main()
