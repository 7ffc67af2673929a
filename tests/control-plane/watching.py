"""Follows the objects of one kind in a namespace: list, then watch, again and again, on a thread of its own."""

import http.client
import json
import socket
import sys
import threading
import traceback

from api import path_of


class Watch:
    """Calls handle(type, object) with ADDED, MODIFIED and DELETED, in order, from its own thread. start() and stop() once each."""

    def __init__(self, api, namespace, kind, handle):
        self.api, self.path, self.handle = api, path_of(namespace, kind), handle
        self.known = {}
        self.stopping = threading.Event()
        self.connection = None
        self.thread = threading.Thread(target=self._run, name=f"watch of {kind}s", daemon=True)

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        self.stopping.set()
        connection = self.connection
        if connection and connection.sock:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.thread.join(10)

    def _run(self):
        while not self.stopping.is_set():
            try:
                self._follow(self._list())
            except (OSError, http.client.HTTPException, ValueError) as error:
                if not self.stopping.is_set():
                    print(f"     {self.thread.name}: {error}; listing again", file=sys.stderr)
            self.stopping.wait(0.1)

    def _list(self):
        found = self.api.request("GET", self.path)
        if found.code:
            raise OSError(found.err)
        listing = found.json()
        there = {item["metadata"]["uid"]: item for item in listing["items"]}
        for uid in [uid for uid in self.known if uid not in there]:
            self._tell("DELETED", self.known[uid])
        for uid, item in there.items():
            self._tell("MODIFIED" if uid in self.known else "ADDED", item)
        return listing["metadata"]["resourceVersion"]

    def _follow(self, version):
        self.connection = self.api.connect(timeout=90)
        try:
            self.connection.request("GET", f"{self.path}?watch=true&timeoutSeconds=60&resourceVersion={version}",
                                    headers=self.api.headers())
            answer = self.connection.getresponse()
            while line := answer.readline():
                event = json.loads(line)
                if event["type"] not in ("ADDED", "MODIFIED", "DELETED"):
                    return
                self._tell(event["type"], event["object"])
        finally:
            self.connection.close()

    def _tell(self, type, item):
        uid = item["metadata"]["uid"]
        if type == "DELETED":
            self.known.pop(uid, None)
        else:
            self.known[uid] = item
        try:
            self.handle(type, item)
        except Exception:  # the script goes on with the next object, and the report shows what was wrong
            traceback.print_exc()
