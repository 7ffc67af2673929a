"""Processes with an end: each has a time limit, is ended with everything it started, and does not outlive this program.

Only the standard library and util-linux' setpriv. Servers that detach themselves (the parts of hack/cluster) are not ended.
"""
import contextlib
import os
import signal
import subprocess
import threading

PATIENCE = 30  # seconds between SIGTERM and SIGKILL


running = set()


def start(command, **options):
    """A process in a group of its own, which is told to end if this program is killed."""
    process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "--", *command], stdin=subprocess.DEVNULL, start_new_session=True,
                               errors="replace", text=True, **options)
    running.add(process)
    return process


def end(process, patience=PATIENCE):
    """Ends the process and what is left of its group: asks, then kills."""
    for sign, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, PATIENCE)):
        process.poll()
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    running.discard(process)


def end_all():
    for process in list(running):
        end(process, patience=10)


def run(command, seconds, on_line=None, **options):
    """Runs a command to its end or for so many seconds; on_line gets each line as it comes.

    Returns (exit status, what it printed); the status is None if the time was over.
    """
    process = start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    over = threading.Event()

    def stop():
        over.set()
        end(process)

    watchdog = threading.Timer(seconds, stop)
    watchdog.start()
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if on_line:
                on_line(line)
        process.wait()
    finally:
        watchdog.cancel()
        end(process)
    return None if over.is_set() else process.returncode, "".join(lines)
