"""Ports of loopback for servers that cannot say which one they took."""
import random
import socket

# Below those that the kernel gives to the near end of connections: under load there are thousands of these, and one of them may be the port
# that was free a second ago.
FIRST, LAST = 20000, 29999


def free_port():
    """One that nobody listens on just now; somebody else may take it before you do."""
    for _ in range(100):
        try:
            with socket.create_server(("127.0.0.1", random.randint(FIRST, LAST))) as found:
                return found.getsockname()[1]
        except OSError:
            pass
    raise OSError(f"none of the ports {FIRST} to {LAST} of loopback is free")
