#!/usr/bin/env python3
"""The runner's side of the clients: what it says, what it reads, and that it does not wait for a program that is gone."""
import asyncio
import json
import os
import tempfile
import unittest

import clients
import history

PLAN = {"rate": 100, "seconds": 1, "writes": 0.5, "reads": "messages", "deadline": 1000, "retry": True, "tries": 0, "repeats": 0,
        "elsewhere": 0}
# Says where it listens, takes one line down, writes a request and says that the load is over.
OBEYS = """echo '{"receiver": 7}'; read -r line; echo "$line" > "$0.heard"
echo '{"sent": 0.5, "seconds": 0.01, "kind": "read", "ok": true, "retried": true}' > "$(dirname "$0")/requests-key.jsonl"
echo '{"over": "key", "behind_ms": 0.254}'; read -r line
"""


class Clients(unittest.TestCase):
    def run_with(self, script, story):
        """Awaits story(log, program), in which program is a script that is not started yet."""
        async def run(folder):
            path, log = os.path.join(folder, "program"), history.Log(os.path.join(folder, "history.jsonl"))
            with open(path, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n" + script)
            os.chmod(path, 0o700)
            program = clients.Program(path, log)
            try:
                await story(log, program)
            finally:
                await program.end()
                log.close()
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(run(folder))

    def test_a_load_is_told_and_its_requests_are_read(self):
        async def story(log, program):
            self.assertEqual(await program.start(), 7)
            load = clients.Load(PLAN, program, log, token="secret")
            await load.run()
            self.assertEqual(load.requests, [clients.Request(0.5, 0.01, True, retried=True, kind="read")])
            self.assertEqual(load.behind_ms, 0.25)
            with open(program.command[0] + ".heard", encoding="utf-8") as file:
                heard = json.load(file)
            self.assertEqual([heard[key] for key in ("do", "name", "tries", "budgeted", "token", "begin")],
                             ["load", "key", 2, True, "secret", load.start])
        self.run_with(OBEYS, story)

    def test_nobody_waits_for_a_program_that_is_gone(self):
        async def story(log, program):
            await program.start()
            with self.assertRaisesRegex(clients.Ended, "3"):
                await clients.Load(PLAN, program, log).run()
            with self.assertRaises(clients.Ended):
                await program.tell()
        self.run_with("""echo '{"receiver": 7}'; read -r line; exit 3""", story)

    def test_one_that_cannot_begin_says_so(self):
        async def story(_, program):
            with self.assertRaises(clients.Ended):
                await program.start()
        self.run_with("exit 1", story)


if __name__ == "__main__":
    unittest.main()
