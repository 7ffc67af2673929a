"""One object as the API server tells it: the newest version, and every version with the moment it was seen.

Waiting for a condition here costs nothing while nothing happens, and sees a change within milliseconds.
"""
import contextlib
import json
import os
import subprocess
import threading
import time

SILENCE = 10  # seconds without news after which the object is asked for


class Timeout(Exception):
    """What was waited for did not happen; says what was there instead."""


class Watch:
    """`kubectl get KIND NAME --watch` in the background. Use as a context manager, or close() it.

    A watch can fall silent (its connection is dead, and nobody was told); so who waits asks for the object now and then.
    """

    def __init__(self, kubectl, ns, kind, name):
        self.what = f"{kind} {ns}/{name}"
        self.get = [*kubectl, "-n", ns, "get", kind, name, "-o", "json", "--request-timeout=5s"]
        self.command = [*kubectl, "-n", ns, "get", kind, name, "-o", "json", "--watch", "--output-watch-events"]
        self.versions = []  # (unix time, object; None once it is deleted)
        self.changed = threading.Condition()
        self.closed = False
        self.process = None
        self.thread = threading.Thread(target=self._keep_watching, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with self.changed:
            self.closed = True
            if self.process:
                self.process.terminate()
        self.thread.join(10)

    @property
    def current(self):
        """The newest version; {} if there is none."""
        with self.changed:
            return (self.versions[-1][1] if self.versions else None) or {}

    def since(self, moment):
        """The versions seen after that unix time, oldest first."""
        with self.changed:
            return [(seen, version) for seen, version in self.versions if seen >= moment]

    def wait(self, what, condition, seconds):
        """What condition(newest version) says as soon as that is true; bounded."""
        end = time.monotonic() + seconds
        while True:
            with self.changed:
                version = self.current
                found = condition(version)
                if found:
                    return found
                left = end - time.monotonic()
                if left <= 0:
                    raise Timeout(f"{what} did not happen within {seconds} s; {self.what} is {json.dumps(version.get('status', version))[:1500]}")
                news = self.changed.wait(min(left, SILENCE))
            if not news:
                self._ask()

    def follow(self, seconds, every=0.5):
        """Each version as it comes, beginning with the newest; the newest again when nothing came for a while. Bounded."""
        end = time.monotonic() + seconds
        with self.changed:
            told = max(0, len(self.versions) - 1)
        while time.monotonic() < end:
            with self.changed:
                if told >= len(self.versions):
                    self.changed.wait(every)
                version = self.versions[min(told, len(self.versions) - 1)][1] if self.versions else None
                told = min(told + 1, len(self.versions))
            yield version or {}

    def _keep_watching(self):
        while True:
            with self.changed:
                if self.closed:
                    return
                self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                                env=os.environ.copy())
            with contextlib.suppress(ValueError):  # a line that was cut: the watch begins anew
                for line in self.process.stdout:  # one event each
                    self._take(json.loads(line))
            self.process.kill()
            self.process.wait()
            time.sleep(0.2)  # the object is not there yet, or the server ended the watch

    def _take(self, event):
        version = None if event["type"] == "DELETED" else event["object"]
        with self.changed:
            self.versions.append((time.time(), version))
            self.changed.notify_all()

    def _ask(self):
        """What the watch should have told; one that did not is begun anew, and that is said."""
        asked = subprocess.run(self.get, capture_output=True, text=True, check=False)
        if asked.returncode != 0:
            return  # not there, or no answer: the watch has the word
        version = json.loads(asked.stdout)
        with self.changed:
            if version["metadata"]["resourceVersion"] == self.current.get("metadata", {}).get("resourceVersion"):
                return
        time.sleep(1)  # the news may be on its way
        with self.changed:
            if version["metadata"]["resourceVersion"] in [seen["metadata"]["resourceVersion"] for _, seen in self.versions if seen]:
                return
            print(f"the watch of {self.what} has fallen silent; it begins anew", flush=True)
            self.versions.append((time.time(), version))
            self.process.kill()
