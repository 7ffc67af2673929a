"""Open-loop load on courier, and what the client saw of it: every request, while it runs and afterwards."""
import base64
import collections
import dataclasses
import datetime
import json
import signal
import subprocess
import threading

OWN_ERROR = "errors of the canary's own"  # answers of the fault profile, beside the versions


@dataclasses.dataclass
class Counts:
    """What the client saw."""
    requests: int = 0
    own_errors: int = 0   # made by the release's fault profile, which says so in a header
    lost: int = 0         # no answer, or one that neither courier nor its fault profile gave
    lost_at: list = dataclasses.field(default_factory=list)  # unix times at which the lost ones were sent
    reasons: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    versions: collections.Counter = dataclasses.field(default_factory=collections.Counter)  # answers by version, without own errors
    last: dict = dataclasses.field(default_factory=dict)  # version, or OWN_ERROR -> unix time the last such request was sent
    first_sent: float = 0
    last_sent: float = 0

    @property
    def rate(self):
        """Requests per second."""
        spent = self.last_sent - self.first_sent
        return (self.requests - 1) / spent if spent > 0 else 0

    def sentence(self):
        lost = f"{self.lost} lost" + (f" ({', '.join(f'{n} x {why}' for why, n in self.reasons.most_common(4))})" if self.lost else "")
        return f"{self.requests} requests at {self.rate:.0f}/s, {self.own_errors} errors of the release's own, {lost}"


def unix_time(text):
    """Seconds of a timestamp as Go and Kubernetes write it; more digits than Python reads are cut off."""
    text = text.rstrip("Z")
    seconds, _, fraction = text.partition(".")
    whole = datetime.datetime.fromisoformat(seconds.split("+")[0]).replace(tzinfo=datetime.timezone.utc).timestamp()
    return whole + (float("0." + fraction.split("+")[0]) if fraction else 0)


class Load:
    """A load generator in the background, bounded in time; stop() ends it."""

    def __init__(self, vegeta, url, host=None, rate=200, seconds=300, keepalive=True):
        command = [vegeta, "attack", "-rate", str(rate), "-duration", f"{seconds}s", "-timeout", "5s", f"-keepalive={str(keepalive).lower()}"]
        if host:
            command += ["-header", f"Host: {host}"]
        self.attack = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.encode = subprocess.Popen([vegeta, "encode", "--to", "json"], stdin=self.attack.stdout, stdout=subprocess.PIPE, text=True)
        self.attack.stdout.close()
        self.attack.stdin.write(f"GET {url}\n".encode())
        self.attack.stdin.close()
        self.counts = Counts()
        self.recent = collections.deque(maxlen=2 * rate)  # versions of the last two seconds' answers
        self.lock = threading.Lock()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def shares(self):
        """Who answered lately: version -> share of the last two seconds' requests."""
        with self.lock:
            answered = collections.Counter(self.recent)
            return {version: n / len(self.recent) for version, n in answered.most_common()} if self.recent else {}

    def stop(self):
        """Ends the load and returns its Counts."""
        if self.attack.poll() is None:
            self.attack.send_signal(signal.SIGINT)
        self.attack.wait(30)
        self.encode.wait(30)
        self.reader.join(30)
        return self.counts

    def _read(self):
        for line in self.encode.stdout:
            result = json.loads(line)
            error = result.get("error") or ""
            if "operation was canceled" in error or "context canceled" in error:
                continue  # was in flight when we ended the load ourselves
            with self.lock:
                self._count(result, error)

    def _count(self, result, error):
        counts, sent = self.counts, unix_time(result["timestamp"])
        counts.requests += 1
        counts.first_sent = min(counts.first_sent or sent, sent)
        counts.last_sent = max(counts.last_sent, sent)
        headers = {name.lower() for name in (result.get("headers") or {})}
        if 200 <= result["code"] < 300:
            who = version_of(result.get("body"))
            counts.versions[who] += 1
        elif "x-fault-injected" in headers:
            who = OWN_ERROR
            counts.own_errors += 1
        else:
            counts.lost += 1
            counts.lost_at.append(sent)
            counts.reasons[f"{result['code']} {error}".strip()[:120]] += 1
            return
        counts.last[who] = max(counts.last.get(who, 0), sent)
        self.recent.append(who)


def version_of(body):
    """courier says in its answer which version it is."""
    try:
        return json.loads(base64.b64decode(body))["version"]
    except (ValueError, KeyError, TypeError):
        return "?"
