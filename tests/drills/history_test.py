#!/usr/bin/env python3
"""The rule: what breaks it, and what does not."""
import unittest

import history

GOOD = [{"type": "invoke", "key": "a"}, {"type": "ok", "key": "a", "id": "1"}, {"type": "effect", "key": "a", "id": "1"}]


class SetRule(unittest.TestCase):
    def test_acknowledged_and_delivered_is_valid(self):
        self.assertEqual(history.check(GOOD), history.Verdict(1, [], [], 0, [], 0))

    def test_a_service_that_acknowledges_before_it_stores_loses(self):
        self.assertEqual(history.check([r for r in GOOD if r["type"] != "effect"]).lost, ["a"])

    def test_what_nobody_posted_is_unexpected(self):
        self.assertEqual(history.check([r for r in GOOD if r["type"] != "invoke"]).unexpected, ["a"])

    def test_an_answer_that_was_lost_may_have_worked_or_not(self):
        open_end = [{"type": "invoke", "key": "b"}, {"type": "info", "key": "b"}]
        self.assertEqual(history.check(GOOD + open_end).lost, [])
        came = history.check(GOOD + open_end + [{"type": "effect", "key": "b", "id": "2"}])
        self.assertEqual((came.recovered, came.unexpected), (1, []))

    def test_a_second_delivery_is_counted_a_second_message_is_an_error(self):
        again = history.check([*GOOD, {"type": "effect", "key": "a", "id": "1"}])
        self.assertEqual((again.repeated, again.stored_twice), (1, []))
        self.assertEqual(history.check([*GOOD, {"type": "effect", "key": "a", "id": "2"}]).stored_twice, ["a"])
        self.assertEqual(history.check([*GOOD, {"type": "ok", "key": "a", "id": "3"}]).stored_twice, ["a"])


class Times(unittest.TestCase):
    records = [{"t": 1.0, "type": "ok", "key": "key-1", "id": "1"}, {"t": 1.5, "type": "effect", "key": "key-1", "id": "1"},
               {"t": 9.0, "type": "effect", "key": "key-1", "id": "1"}, {"t": 9.5, "type": "ok", "key": "key-1", "id": "1"},
               {"t": 2.2, "type": "ok", "key": "key-2", "id": "2"}, {"t": 2.0, "type": "effect", "key": "key-2", "id": "2"},
               {"t": 3.0, "type": "ok", "key": "far-3", "id": "3"}, {"t": 8.0, "type": "effect", "key": "far-3", "id": "3"}]

    def test_a_lag_is_from_the_first_acknowledgement_to_the_first_delivery(self):
        self.assertEqual(history.lags(self.records), {"key-1": (1.0, 0.5), "key-2": (2.2, 0.0)})

    def test_what_was_never_delivered_has_no_lag_it_is_lost(self):
        self.assertEqual(history.lags([self.records[0]]), {})

    def test_the_last_second_delivery(self):
        self.assertEqual(history.last_again(self.records), 9.0)
        self.assertIsNone(history.last_again(self.records[:2]))


if __name__ == "__main__":
    unittest.main()
