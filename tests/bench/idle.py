"""What the operator costs when nothing happens: its requests, its memory and its processor time with many Rollouts at rest.

All applications are adopted; some had a release that was promoted, some one that was rolled back and is held since. The operator
is as shipped: TLS to the API server, all namespaces, a Lease. Its requests are counted from the API server's audit log.
"""

import base64
import concurrent.futures
import datetime
import os
import time

from audit_log import LEASES, OTHERS, WATCHES, AuditLog, now
from figures import Report, table
from installation import OPERATOR, kubeconfig_of, operator_token
from process import Process
from promises import Failure
from scripted_world import World

MEGABYTES = 40  # resident, at most
QUIET = 15      # seconds without any other request, after which the operator is taken to have come to rest


class DirectAccess:
    """An operator's way to the API server without anything between them."""

    def __init__(self, api):
        self.api, self.token = api, operator_token(api)

    def start(self):
        return self

    def stop(self):
        pass

    hang_up = stop

    def kubeconfig(self):
        trust = base64.b64encode(self.api.trust.encode()).decode()
        return kubeconfig_of({"server": self.api.server.geturl(), "certificate-authority-data": trust}, {"token": self.token})


def populate(world, chosen):
    """All applications, and the releases of some; returns when each is where it stays."""
    names = [f"web-{number}" for number in range(1, chosen.rollouts + 1)]
    outcomes = dict(zip(names, ["Promoted"] * chosen.released + ["RolledBack"] * chosen.released))

    def settle(name):
        app = world.application(name, replicas=chosen.replicas).deploy()
        if name in outcomes:
            app.release("app:2", error_share=0.3 if outcomes[name] == "RolledBack" else 0.002)
            app.wait_outcome(1, outcomes[name])
            app.wait_phase("RolledBack" if outcomes[name] == "RolledBack" else "Healthy")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(settle, names))


def wait_quiet(log, seconds=180):
    """Until there was no other request for QUIET seconds; a watch needs no quiet, and neither does the Lease."""
    end = time.monotonic() + seconds
    while True:
        time.sleep(QUIET)
        moment = now()
        busy = log.counts(moment - datetime.timedelta(seconds=QUIET), moment)[OTHERS]
        if not busy:
            return
        if time.monotonic() > end:
            raise Failure(f"the operator does not come to rest; in the last {QUIET} s it asked for {dict(busy)}")


def options(parser):
    parser.add_argument("--rollouts", type=int, default=100, metavar="N", help="applications with a Rollout each (default: 100)")
    parser.add_argument("--replicas", type=int, default=1, metavar="N", help="of each of them (default: 1)")
    parser.add_argument("--released", type=int, default=5, metavar="N",
                        help="so many of them have had a promoted release, and so many others one that was rolled back (default: 5)")
    parser.add_argument("--minutes", type=float, default=10, metavar="N", help="of rest that are counted (default: 10)")


def measure(chosen, suite, conditions):
    with World(suite, lease=True, everywhere=True, access=DirectAccess) as world:
        log = AuditLog(os.environ["SLUICE_AUDIT_LOG"], OPERATOR)  # from here on: all that the applications cause
        print(f"{chosen.rollouts} applications are deployed", flush=True)
        populate(world, chosen)
        wait_quiet(log)
        process = Process(world.operator.process.pid)
        print(f"at rest for {chosen.minutes:g} minutes from now on", flush=True)
        begin, spent = now(), process.seconds()
        time.sleep(60 * chosen.minutes)
        end, spent = now(), process.seconds() - spent
        time.sleep(2)  # what was asked last is answered and noted
        counts, before = log.counts(begin, end), log.counts(log.begun, begin)
        figures = {"rollouts": chosen.rollouts, "replicas": chosen.replicas, "minutes": chosen.minutes,
                   "requests": {name: {"all": sum(kinds.values()), **dict(sorted(kinds.items()))} for name, kinds in counts.items()},
                   "other_requests_before": sum(before[OTHERS].values()),
                   "resident_megabytes": round(process.megabytes("VmRSS"), 1), "peak_megabytes": round(process.megabytes("VmHWM"), 1),
                   "processor_seconds": round(spent, 2)}
    return Report("idle", conditions, figures, text(figures))


def text(figures):
    requests = figures["requests"]
    rows = []
    for name in (LEASES, WATCHES, OTHERS):
        rows.append([name, requests[name]["all"], "0" if name == OTHERS else ""])
        rows += [[f"  {what}", count, ""] for what, count in requests[name].items() if what != "all"]
    rows += [["  before, while all was deployed and released", figures["other_requests_before"], ""],
             ["resident memory, MB", figures["resident_megabytes"], f"< {MEGABYTES}"], ["  at its peak, MB", figures["peak_megabytes"], ""],
             ["processor time, s", figures["processor_seconds"], ""]]
    return table([f"{figures['rollouts']} Rollouts at rest for {figures['minutes']:g} minutes", "found", "wanted"], rows)
