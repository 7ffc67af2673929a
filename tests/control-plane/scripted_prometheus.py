"""Stands in for Prometheus: answers instant queries with counters that follow from the pods' annotations.

  test/requests-per-second   of each pod (default 50)
  test/error-share           of its requests that are answered with 500 (default 0.002)
  test/slow-share            of its requests that take longer than 250 ms (default 0.002)

It "scrapes" every running pod at each full second. It knows the two forms that the operator asks in: a selector with a range,
and `count by (le) (selector)`. Faults are set for all queries that contain a text, such as the name of a Deployment.
"""

import http.server
import json
import math
import re
import threading
import time
import urllib.parse

BOUNDS = ["0.1", "0.25", "0.5", "1", "+Inf"]
MATCHER = re.compile(r'\s*(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*,?')
RANGE = re.compile(r"(\w+)(?:\{(.*)\})?\[(\d+)ms\]", re.DOTALL)
COUNT = re.compile(r"count by \((\w+)\) \((\w+)(?:\{(.*)\})?\)", re.DOTALL)


class Answer:
    """An answer that went out; `sent` is monotonic, `at` the time asked for."""

    def __init__(self, query, at, samples, sent):
        self.query, self.at, self.samples, self.sent = query, at, samples, sent


class Prometheus:
    """pods(): what to scrape, as Kubelet.running() gives them."""

    def __init__(self, namespace, pods):
        self.namespace, self.pods = namespace, pods
        self.answers = []
        self.faults = {}  # text in the query -> "off" (no answer), "nan", or seconds of delay
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *arguments: Handler(self, *arguments))
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    def start(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def disturb(self, text, fault):
        self.faults = {**self.faults, text: fault}

    def mend(self, text):
        self.faults = {key: fault for key, fault in self.faults.items() if key != text}

    def fault_of(self, query):
        return next((fault for text, fault in self.faults.items() if text in query), None)

    def last_answer_before(self, moment, text):
        """The newest answer to a query with that text that went out before a monotonic time."""
        return max((answer for answer in list(self.answers) if answer.sent <= moment and text in answer.query),
                   key=lambda answer: answer.sent, default=None)

    # Queries ---------------------------------------------------------------------------------------------------------------

    def evaluate(self, query, at, nan):
        """(resultType, result, number of samples), or None for a form that is not known."""
        if found := RANGE.fullmatch(query):
            metric, matchers, window = found.group(1), found.group(2) or "", int(found.group(3)) / 1000
            series = [{"metric": labels, "values": [[moment, "NaN" if nan else value(moment)] for moment in moments]}
                      for labels, moments, value in self._matching(metric, matchers, at - window, at) if moments]
            return "matrix", series, sum(len(one["values"]) for one in series)
        if found := COUNT.fullmatch(query):
            label, metric, matchers = found.group(1), found.group(2), found.group(3) or ""
            counts = {}
            for labels, moments, _ in self._matching(metric, matchers, at - 300, at):
                if moments:
                    counts[labels.get(label, "")] = counts.get(labels.get(label, ""), 0) + 1
            return "vector", [{"metric": {label: key}, "value": [at, str(count)]} for key, count in counts.items()], len(counts)
        return None

    def _matching(self, metric, matchers, begin, end):
        wanted = [match.groups() for match in MATCHER.finditer(matchers)]
        for pod in self.pods():
            last = min(end, time.time(), pod.ended or math.inf)
            moments = list(range(math.ceil(max(begin, pod.started)), math.floor(last) + 1))
            for labels, value in self._series(pod):
                if labels["__name__"] == metric and all(matches(labels, *matcher) for matcher in wanted):
                    yield {key: text for key, text in labels.items() if key != "__name__"}, moments, value

    def _series(self, pod):
        """The counters of one pod: labels, and the value at a moment."""
        rate, errors, slow = (float(pod.annotations.get(f"test/{name}", default)) for name, default in (
            ("requests-per-second", 50), ("error-share", 0.002), ("slow-share", 0.002)))
        own = {"namespace": self.namespace, "pod": pod.name, "job": "pods", "instance": f"{pod.address}:8080"}
        for status, share in (("200", 1 - errors), ("500", errors)):
            counted = {**own, "status": status}
            yield {**counted, "__name__": "http_request_duration_seconds_count"}, counter(pod, rate * share)
            for bound in BOUNDS:
                within = 1 if bound == "+Inf" or float(bound) > 0.25 else 1 - slow
                yield ({**counted, "__name__": "http_request_duration_seconds_bucket", "le": bound}, counter(pod, rate * share, within))


def counter(pod, rate, within=1.0):
    return lambda moment: str(math.floor(math.floor(rate * (moment - pod.started)) * within))


def matches(labels, label, operator, value):
    value = value.replace('\\"', '"').replace("\\\\", "\\")
    found = labels.get(label, "")
    if operator in ("=", "!="):
        return (found == value) == (operator == "=")
    return (re.fullmatch(value, found) is not None) == (operator == "=~")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, prometheus, *arguments):
        self.prometheus = prometheus
        super().__init__(*arguments)

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # who asked has gone, killed as a rule

    def log_message(self, *_):
        pass

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        query, at = form["query"][0], float(form["time"][0])
        fault = self.prometheus.fault_of(query)
        if fault == "off":
            self.close_connection = True
            return
        if isinstance(fault, (int, float)):
            time.sleep(fault)
        found = self.prometheus.evaluate(query, at, fault == "nan") if self.path == "/api/v1/query" else None
        if found is None:
            return self._send(400, {"status": "error", "errorType": "bad_data", "error": f"the script does not know {self.path}: {query}"})
        kind, result, samples = found
        self._send(200, {"status": "success", "data": {"resultType": kind, "result": result}})
        self.prometheus.answers.append(Answer(query, at, samples, time.monotonic()))

    def _send(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        try:
            self.wfile.write(text)
        except OSError:
            self.close_connection = True  # who asked has gone, killed as a rule
