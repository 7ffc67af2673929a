"""Couriers, the servers beside them, their databases and load: processes on loopback that end with the benchmark."""
import contextlib
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import delivery as d
import ports
import processes
from process import Process

BENCH = "tests/bench/courier/courier-bench"
COURIER = "sample-service/courier"
BODY = json.dumps({"payload": {"order": "{n}", "text": "x" * 200}})
INTAKE = ("--method", "POST", "--target", "/v1/messages", "--header", "Content-Type: application/json", "--body", BODY)


def median(values):
    return statistics.median(values)


class Ground:
    """Programs of the preset release, a folder on disk and a PostgreSQL that waits for it (fsync)."""

    def __init__(self, top):
        self.build, self.databases, self.keys = os.path.join(top, "build", "release"), 0, 0
        self.servers = os.path.join(top, "sample-service", "with-servers")
        self.pinned = (os.cpu_count() or 1) > 1  # server and load each on a core of its own, where that is said

    def __enter__(self):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # for a thousand connections at both ends
        self.folder = tempfile.mkdtemp(prefix="courier-bench-")
        self.log = open(os.path.join(self.folder, "log"), "w+", encoding="utf-8")
        said = [self.servers, "--fsync", "sh", "-c", 'echo "$COURIER_TEST_POSTGRES"; exec sleep 7200']
        self.outside = processes.start(said, stdout=subprocess.PIPE, stderr=self.log)
        self.postgres = self.outside.stdout.readline().strip()
        d.expect(self.postgres, f"{self.servers} did not start: {self.told()}")
        return self

    def __exit__(self, *_):
        processes.end_all()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def told(self):
        self.log.flush()
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def database(self, store):
        """A new, empty one."""
        self.databases += 1
        if store == "sqlite":
            return os.path.join(self.folder, f"{self.databases}.db")
        name = f"bench_{self.databases}"
        subprocess.run(["psql", "--quiet", self.postgres, "--command", f"CREATE DATABASE {name}"], check=True, capture_output=True)
        return self.postgres.rsplit("/", 1)[0] + "/" + name

    @contextlib.contextmanager
    def server(self, *command, port, env=None, pin=False, path="/version"):
        """Serves within the block; gives its Process once it answers."""
        before = ["taskset", "-c", "0"] if pin and self.pinned else []
        process = processes.start([*before, *command], stdout=self.log, stderr=self.log, env=env)
        try:
            d.wait_for(f"an answer of {command[0]}", lambda: process.poll() is not None or answers(port, path), 30, every=0.02)
            d.expect(process.poll() is None, f"{command[0]} ended with {process.returncode}: {self.told()}")
            found = Process(process.pid)
            found.port = port
            yield found
        finally:
            processes.end(process, patience=10)

    def bench_server(self, kind, *arguments, **options):
        port = ports.free_port()
        return self.server(os.path.join(self.build, BENCH), kind, "--port", str(port), *arguments, port=port, **options)

    def courier(self, database, pin=False, **settings):
        port, admin = ports.free_port(), ports.free_port()
        env = {"PATH": os.environ["PATH"], "COURIER_ADDRESS": "127.0.0.1", "COURIER_HTTP_PORT": str(port), "COURIER_ADMIN_PORT": str(admin),
               "COURIER_DATABASE": database, "POD_NAME": "bench", "LOG_LEVEL": "warn", "COURIER_DRAIN": "0s", "COURIER_DRAIN_CLOSE": "0s",
               **{"COURIER_" + name: str(value) for name, value in settings.items()}}
        return self.server(os.path.join(self.build, COURIER), port=port, env=env, pin=pin)

    def load(self, server, *phases, arguments=(), connections=64, pin=False, may_fail=False, **options):
        """What courier-bench says of a load; the first phase may be a warm-up. Processor time is of all phases together."""
        if arguments == INTAKE:
            self.keys += 1  # no key is used twice
            arguments = (*INTAKE, "--header", f"Idempotency-Key: {self.keys}-{{n}}")
        command = [*(["taskset", "-c", "1"] if pin and self.pinned else []), os.path.join(self.build, BENCH), "load",
                   "--port", str(server.port), "--connections", str(connections), *arguments]
        for phase in phases:
            command += ["--phase", phase]
        for name, value in options.items():
            command += ["--" + name, str(value)]
        before = server.seconds()
        result = json.loads(d.run(*command))
        result["cpu_us"] = 1e6 * (server.seconds() - before) / max(1, result["requests"])
        for phase in result["phases"]:
            wrong = sum(phase["failed"].values())
            told = f"{wrong} of {phase['asked']} requests failed: {phase['failed']}; {self.told()}"
            d.expect(may_fail or wrong <= phase["asked"] / 100, told)
        return result

    def commits(self, what, database, seconds, connections):
        """what: 'row' or 'intake'."""
        return json.loads(d.run(os.path.join(self.build, BENCH), "commits", what, "--database", database, "--seconds", str(seconds),
                                "--connections", str(connections), "--bytes", str(len(BODY))))


def answers(port, path="/version"):
    with contextlib.suppress(OSError):
        return ask(port, path)[0] < 500
    return False


def ask(port, path, method="GET", body=None, **headers):
    """(status, JSON); the JSON is None if there is none."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method, data=body and json.dumps(body).encode(),
                                     headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text.startswith(b"{") else None
    except urllib.error.HTTPError as refused:
        return refused.code, None


def file_system(folder):
    command = ["findmnt", "--noheadings", "--output", "FSTYPE,SOURCE", "--target", folder]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return re.sub(r"\s+", " on ", told.stdout.strip()) or "unknown"


def pause(seconds):
    """Of measuring, so that what was left over by the last load has ended."""
    time.sleep(seconds)
