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
        text = report.table(report.rows([{"name": "x", "pattern": "broker", "gates": [], "verdict": "failed", "why": "no mount"}], False))
        self.assertIn("no mount", text)
        self.assertIn("FAILED", text)

    def test_a_median_is_told_with_what_it_is_of(self):
        self.assertEqual(report.lines_of(result({**gate("p99_ratio"), "each": [0.9, 1, 1.3]}))[0][0],
                         "p99_ratio 1, the median of 0.9, 1, 1.3")

    def test_a_row_says_all_of_itself_and_the_text_says_it_once(self):
        rows = report.rows([result(gate("a"), gate("b", False), verdict="failed")], False)
        self.assertEqual([(row["drill"], row["verdict"]) for row in rows], [("a-drill", "FAILED"), ("a-drill", "FAILED <-- BROKEN")])
        first, second = report.table(rows).splitlines()[1:]
        self.assertEqual((first.split(), second.split()), ("broker a-drill a 1 <= 1 FAILED".split(), "b 1 <= 1 <-- BROKEN".split()))

    def test_a_document_has_a_line_for_each_drill(self):
        held = [result(gate("a"), gate("lost", always=True)), {**result(gate("b", False), gate("c"), verdict="failed"), "name": "b-drill"}]
        self.assertEqual(report.markdown(report.rows(held, True)).splitlines()[2:],
                         ["| broker | a-drill | a 1 (<= 1) | passed |", "| broker | b-drill | b 1 (<= 1); c 1 (<= 1) | failed: b |"])

    def test_the_whole_table_has_each_row_of_the_acceptance_table(self):
        held = [result(gate("a"), pattern=pattern) for pattern in report.ACCEPTANCE[:13] + report.ACCEPTANCE[14:15]]
        patterns = [row["pattern"] for row in report.rows([{**one, "figures": {"series": 1, "unlive": 0}} for one in held], True)]
        self.assertEqual(tuple(dict.fromkeys(patterns)), report.ACCEPTANCE)

    def test_the_row_about_all_drills_finds_the_one_that_is_worst(self):
        late = {**gate("alert", False), "gate": "alert"}
        several = [{**result(gate("alert"), **more), "figures": {"series": series, "unlive": 0}}
                   for series, more in ((10, {}), (2001, {"name": "b-drill"}))]
        several.append({**result(late), "figures": {"series": 5, "unlive": 0}})
        broken = {one["gate"]: one["measured"] for one in report.observability(several)["gates"] if not one["holds"]}
        self.assertEqual(broken, {"alerts that did not come within 60 s:": "1 of 3", "series": "2001 (b-drill)"})
        self.assertIsNone(report.observability([result(gate("a"))]))

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
