"""The past of a small service as Prometheus would have scraped it, as an OpenMetrics file for `promtool tsdb create-blocks-from`.

Pods of an old version serve all the time; two of a new one come for the last hour and fail more often. One pod restarts, one is
not scraped for a while, one comes late. What every pod did between two scrapes is kept beside the samples, so that a test
can count for itself.
"""

import random

START = 1_795_132_800  # 2026-11-20T00:00:00Z
HOURS = 7
SPACING = 15
BOUNDS = ("0.1", "0.25", "1")
OLD = [f"web-old-{i}" for i in range(8)]
NEW = ["web-new-0", "web-new-1"]
RELEASE = START + (HOURS - 1) * 3600
END = START + HOURS * 3600


class Pod:
    """Counters of one process; ok and failed by status, buckets of the ok ones."""

    def __init__(self, name, errors, slow, rng):
        self.name, self.errors, self.slow, self.rng = name, errors, slow, rng
        self.values = {"200": 0, "500": 0, **dict.fromkeys(BOUNDS, 0)}

    def restart(self):
        self.values = dict.fromkeys(self.values, 0)

    def serve(self, requests):
        failed = sum(self.rng.random() < self.errors for _ in range(requests))
        late = sum(self.rng.random() < self.slow for _ in range(requests - failed))
        self.values["200"] += requests - failed
        self.values["500"] += failed
        for bound, share in zip(BOUNDS, (3, 1, 0)):
            self.values[bound] += requests - failed - min(requests - failed, late * share)


def make():
    """Returns (OpenMetrics text, truth): truth[pod] = [(time of scrape, requests, failed, slower than 250 ms)]."""
    rng = random.Random(20)
    samples, truth = {"count": [], "bucket": []}, {}
    for number, name in enumerate(OLD + NEW):
        pod = Pod(name, 0.04 if name in NEW else 0.01, 0.02, rng)
        begin = RELEASE if name in NEW else START + (3 * 3600 if name == "web-old-7" else 0)
        since, seen = dict(pod.values), False
        for at in range(begin + number, END, SPACING):
            if name == "web-old-1" and at // SPACING == (START + 2 * 3600) // SPACING:
                pod.restart()
                since = dict(pod.values)
            pod.serve(rng.randint(40, 60))
            if name == "web-old-2" and 0 <= at - (START + 3600) < 50:
                continue  # a lost scrape or three: their requests are seen by the next one
            new = {key: pod.values[key] - since[key] for key in since}
            if seen:
                truth.setdefault(name, []).append((at, new["200"] + new["500"], new["500"], new["200"] - new["0.25"]))
            labels = f'namespace="shop",job="web",instance="{name}:8080",pod="{name}"'
            for status in ("200", "500"):
                if status == "200" or pod.values["500"] > 0:
                    samples["count"].append((at, f'http_request_duration_seconds_count{{{labels},status="{status}"}} {pod.values[status]} {at}'))
            for bound in (*BOUNDS, "+Inf"):
                value = pod.values["200"] if bound == "+Inf" else pod.values[bound]
                samples["bucket"].append((at, f'http_request_duration_seconds_bucket{{{labels},status="200",le="{bound}"}} {value} {at}'))
            since, seen = dict(pod.values), True
    # Samples of a family in order of time is all that promtool wants; the type is left unknown, as no _sum is written.
    lines = [line for kind in ("bucket", "count") for _, line in sorted(samples[kind], key=lambda sample: sample[0])]
    return "\n".join(lines) + "\n# EOF\n", truth
