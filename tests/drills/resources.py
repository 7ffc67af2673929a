"""What the kernel says of couriers, once a second: the memory that is resident, and how many connections to the database they have.

Not what they say of themselves: a pool that counts wrongly tells so to nobody.
"""
import asyncio
import contextlib
import os
import re

EVERY = 1  # s
PAGE = os.sysconf("SC_PAGE_SIZE") / 2**20  # MB
ESTABLISHED = "01"


def resident(pid):
    """MB."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * PAGE


def established(table, ports):
    """{inode: remote port} of connections to one of these ports in the text of /proc/net/tcp."""
    remote = "|".join(f"{port:04X}" for port in ports) or "none"
    return {inode: int(port, 16) for port, inode in re.findall(rf":({remote}) {ESTABLISHED} \S+ \S+ \S+ +\d+ +\d+ (\d+)", table)}


def inodes(pid):
    """Of the sockets that a process has open."""
    found = set()
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/{pid}/fd/{descriptor}")
            if target.startswith("socket:["):
                found.add(target[8:-1])
    return found


def database_port(node):
    found = re.search(r":(\d+)/", node.env["COURIER_DATABASE"].rpartition("@")[2])
    return int(found.group(1)) if found else None


class Watch:
    """Looks until it is ended. connections: the most of a node; memory: {node: [(time, MB)]}."""

    def __init__(self, nodes, clock):
        """nodes, clock: functions that tell them as they are now."""
        self.nodes, self.clock, self.connections, self.memory = nodes, clock, None, {}

    def look(self):
        nodes = [node for node in self.nodes() if node.process and node.process.poll() is None]
        with open("/proc/net/tcp", encoding="ascii") as file:
            open_ones = established(file.read(), {database_port(node) for node in nodes} - {None})
        for node in nodes:
            with contextlib.suppress(OSError):  # it has ended meanwhile
                self.memory.setdefault(node.name, []).append((self.clock(), resident(node.process.pid)))
                if database_port(node):
                    mine = inodes(node.process.pid)
                    count = sum(port == database_port(node) for inode, port in open_ones.items() if inode in mine)
                    self.connections = max(self.connections or 0, count)

    async def run(self):
        while True:
            self.look()
            await asyncio.sleep(EVERY)


def growth(memory, spans):
    """MB that any node has more in the fault than just before it."""
    found = []
    for looks in memory.values():
        before = [size for time, size in looks if time < spans[0][0]]
        during = [size for time, size in looks if any(begin <= time < end for begin, end in spans)]
        if before and during:
            found.append(max(during) - before[-1])
    return round(max(found), 1) if found else None
