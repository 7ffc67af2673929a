#!/usr/bin/env python3
"""The table: what is broken is seen, and what is as in all drills takes one line."""
import unittest

import report


def gate(name, holds=True, always=False):
    return {"gate": name, "measured": 1, "wanted": "<= 1", "holds": holds, "always": always}


def result(*gates, verdict="passed", **more):
    return {"name": "a-drill", "pattern": "broker", "gates": list(gates), "verdict": verdict, "why": "", **more}


class Table(unittest.TestCase):
    def test_gates_of_all_drills_share_a_line_while_they_hold(self):
        self.assertEqual(report.lines_of(result(gate("lost", always=True), gate("unlive", always=True), gate("p99_ratio"))),
                         [("p99_ratio 1", "<= 1", ""), ("lost 1, unlive 1", "as in all drills", "")])

    def test_what_is_broken_is_marked_whatever_it_is(self):
        lines = report.lines_of(result(gate("lost", False, True), gate("p99_ratio", False), verdict="failed"))
        self.assertEqual([mark for _, _, mark in lines], ["<-- BROKEN", "<-- BROKEN"])

    def test_a_gate_that_must_break_and_holds_is_marked(self):
        self.assertEqual(report.lines_of(result(gate("lost", True, True), must_break=["lost"])),
                         [("lost 1", "<= 1 must break", "<-- BROKEN")])
        self.assertEqual(report.lines_of(result(gate("lost", False, True), must_break=["lost"]))[0][2], "")

    def test_a_drill_that_could_not_be_held_says_why(self):
        text = report.table([{"name": "x", "pattern": "broker", "gates": [], "verdict": "failed", "why": "no mount"}])
        self.assertIn("no mount", text)
        self.assertIn("FAILED", text)

    def test_long_texts_keep_their_end(self):
        short = report.shortened("problem " + "x" * 200 + " password authentication failed")
        self.assertEqual(len(short), report.WIDEST)
        self.assertTrue(short.startswith("problem ") and short.endswith("password authentication failed"))

    def test_the_order_is_that_of_the_acceptance_table(self):
        several = [{**result(), "pattern": pattern} for pattern in ("broker", "stateless", "hung pod")]
        self.assertEqual([one["pattern"] for one in sorted(several, key=report.place)], ["stateless", "hung pod", "broker"])
        self.assertLess(report.place({"pattern": "unheard of", "name": ""}), report.place(result()))


if __name__ == "__main__":
    unittest.main()
