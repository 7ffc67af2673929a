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


if __name__ == "__main__":
    unittest.main()
