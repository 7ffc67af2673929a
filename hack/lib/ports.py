"""Ports of loopback for servers that cannot say which one they took."""
import socket


def free_port():
    """One that nobody listens on just now; somebody else may take it before you do."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]
