"""Memory and processor time of a process, as the kernel counts them."""
import os
import threading


class Process:
    def __init__(self, pid):
        self.pid = pid

    def megabytes(self, field):
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
            return next(int(line.split()[1]) / 1024 for line in file if line.startswith(field + ":"))

    def seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Memory:
    """Resident memory of a process within the block, looked at ten times a second."""

    def __init__(self, process):
        self.process, self.over = process, threading.Event()
        self.megabytes = [process.megabytes("VmRSS")]  # one look after the other
        self.watcher = threading.Thread(target=self._watch, daemon=True)

    @property
    def peak(self):
        return max(self.megabytes)

    @property
    def growth(self):
        """Of the peak, since the block began."""
        return self.peak - self.megabytes[0]

    def __enter__(self):
        self.watcher.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.watcher.join()

    def _watch(self):
        while not self.over.wait(0.1):
            self.megabytes.append(self.process.megabytes("VmRSS"))
