"""Stands between an operator and the API server: logs every write, and does to requests what networks and crashes do.

Plain HTTP on loopback towards the operator; TLS to the API server with a token of the operator's ServiceAccount, so that the
shipped rights and policies apply exactly as in a cluster. One proxy per operator.

Writes of the protocol are numbered from 1 in the order of their arrival; those of Leases and events, which come at any time,
are logged without a number. inject() names the request and what is done to it:

  proxy.inject(write(7), kill(operator))              the operator dies before its 7th write reaches the API server
  proxy.inject(write(7), kill(operator), after=True)  it is carried out, but its answer never arrives
  proxy.inject(of("httproutes", "PATCH"), answer(429, retry_after=1), times=3)
  proxy.inject(of("rollouts", "GET"), torn())         half of the answer arrives
  proxy.cut_watches(), proxy.tear_watches(), proxy.expire_watches()
"""

import http.client
import http.server
import json
import re
import socket
import threading
import time

from installation import kubeconfig_of, operator_token

PATH = re.compile(r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<resource>[a-z]+)"
                  r"(?:/(?P<name>[^/]+))?(?:/(?P<subresource>[^/]+))?")
UNCOUNTED = {"leases", "events"}
EXPIRED = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410,
           "message": "too old resource version (by the script)"}


class Exchange:
    """One request and what became of it. Times are monotonic; `answered` is when the API server's answer was read."""

    def __init__(self, method, target, body):
        self.method, self.target = method, target
        self.path, _, self.query = target.partition("?")
        found = PATH.fullmatch(self.path)
        part = found.groupdict() if found else {}
        self.resource, self.namespace = part.get("resource") or "", part.get("namespace") or ""
        self.subresource = part.get("subresource") or ""
        self.body = json.loads(body) if body else None
        self.name = part.get("name") or ""
        if not self.name and isinstance(self.body, dict):  # of what is created
            self.name = self.body.get("metadata", {}).get("name", "")
        self.is_watch = "watch=true" in self.query
        self.is_write = method != "GET"
        self.number = None
        self.started, self.answered, self.status = time.monotonic(), None, None

    def __str__(self):
        what = "/".join(part for part in (self.resource, self.name, self.subresource) if part)
        number = f"#{self.number} " if self.number else ""
        return f"{number}{self.method} {what}: {self.status or 'no answer'}"


class Injection:
    def __init__(self, matches, act, after, times):
        self.matches, self.act, self.after, self.times = matches, act, after, times


class Reply:
    """An answer to the operator; `cut` is how many bytes of the body arrive before the connection ends, None: all."""

    def __init__(self, status, body, headers=None, cut=None):
        self.status, self.body, self.headers, self.cut = status, body, headers or {}, cut


DROP = object()  # the connection ends without an answer


# Which requests ------------------------------------------------------------------------------------------------------------------

def write(number):
    return lambda exchange: exchange.number == number


def of(resource, method=None, name=None):
    """Requests for a plural such as "httproutes"; watches only if the method is "WATCH"."""
    def matches(exchange):
        verb = "WATCH" if exchange.is_watch else exchange.method
        return exchange.resource == resource and (verb == method if method else verb != "WATCH") and (name is None or exchange.name == name)
    return matches


# What is done to them: called with the exchange and, after it was carried out, the reply; None lets things go on ------------------

def kill(operator):
    def act(exchange, reply):
        operator.kill()
        return DROP
    return act


def drop():
    return lambda exchange, reply: DROP


def delay(seconds):
    return lambda exchange, reply: time.sleep(seconds)


def answer(status, message="by the script", retry_after=None):
    """The API server's answer is replaced (after=True) or it is never asked."""
    def act(exchange, reply):
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": message,
                "reason": {410: "Expired", 409: "Conflict", 429: "TooManyRequests", 503: "ServiceUnavailable"}.get(status, "")}
        headers = {"Content-Type": "application/json", **({"Retry-After": str(retry_after)} if retry_after is not None else {})}
        return Reply(status, json.dumps(body).encode(), headers)
    return act


def torn():
    """Half of the body arrives; inject it with after=True."""
    return lambda exchange, reply: Reply(reply.status, reply.body, reply.headers, cut=len(reply.body) // 2)


class Stream:
    """A watch that is open."""

    def __init__(self, handler, upstream):
        self.handler, self.upstream = handler, upstream
        self.lock = threading.Lock()

    def chunk(self, data):
        with self.lock:
            self.handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def end(self, last=b""):
        """Sends what is given, as it is, and ends both connections."""
        with self.lock:
            for act in ((lambda: self.handler.wfile.write(last)), (lambda: self.handler.connection.shutdown(socket.SHUT_RDWR)),
                        (lambda: self.upstream.shutdown(socket.SHUT_RDWR))):
                try:
                    act()
                except OSError:
                    pass


class ApiProxy:
    def __init__(self, api):
        self.api = api
        self.token = None
        self.log = []       # of all exchanges but watches, in order of arrival
        self.count = 0      # numbered writes so far
        self.lock = threading.Lock()
        self.injections, self.streams, self.connections = [], set(), set()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *arguments: Handler(self, *arguments))
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    def start(self):
        self.token = operator_token(self.api)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.hang_up()

    def kubeconfig(self):
        return kubeconfig_of({"server": self.address}, {})

    # The log ---------------------------------------------------------------------------------------------------------------

    def writes(self, resource=None, name=None, counted=True):
        """Exchanges that write, in order of arrival."""
        with self.lock:
            return [exchange for exchange in self.log if exchange.is_write and (exchange.number or not counted)
                    and resource in (None, exchange.resource) and name in (None, exchange.name)]

    # Faults ----------------------------------------------------------------------------------------------------------------

    def inject(self, matches, act, after=False, times=1):
        with self.lock:
            self.injections.append(Injection(matches, act, after, times))

    def clear(self):
        """No fault is left."""
        with self.lock:
            self.injections.clear()

    def cut_watches(self):
        for stream in self._open():
            stream.end()

    def tear_watches(self):
        """Each open watch ends in the middle of an event."""
        for stream in self._open():
            stream.end(b'1000\r\n{"type":"MODIFIED","object":{"kind"')

    def expire_watches(self):
        """Each open watch gets the event that says its position is too old."""
        event = json.dumps({"type": "ERROR", "object": EXPIRED}).encode() + b"\n"
        for stream in self._open():
            stream.end(f"{len(event):x}\r\n".encode() + event + b"\r\n0\r\n\r\n")

    def hang_up(self):
        """Ends every connection, as when the process at the other end has died."""
        self.cut_watches()
        with self.lock:
            connections = list(self.connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _open(self):
        with self.lock:
            return list(self.streams)

    def _arrived(self, exchange):
        with self.lock:
            if exchange.is_write and exchange.resource not in UNCOUNTED:
                self.count += 1
                exchange.number = self.count
            if not exchange.is_watch:
                self.log.append(exchange)

    def _injected(self, exchange, after, reply=None):
        with self.lock:
            found = next((one for one in self.injections if one.after == after and one.times > 0 and one.matches(exchange)), None)
            if found:
                found.times -= 1
        return found.act(exchange, reply) if found else None


class Handler(http.server.BaseHTTPRequestHandler):
    """A connection of the operator; it has one of its own to the API server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, proxy, *arguments):
        self.proxy, self.upstream = proxy, None
        super().__init__(*arguments)

    def setup(self):
        super().setup()
        with self.proxy.lock:
            self.proxy.connections.add(self.connection)

    def finish(self):
        with self.proxy.lock:
            self.proxy.connections.discard(self.connection)
        if self.upstream:
            self.upstream.close()
        try:
            super().finish()
        except OSError:
            pass

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # the operator has gone, or a fault ended the connection

    def log_message(self, *_):
        pass

    def _serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        exchange = Exchange(self.command, self.path, body)
        self.proxy._arrived(exchange)
        injected = self.proxy._injected(exchange, after=False)
        if injected is None:
            if exchange.is_watch:
                return self._watch()
            reply = self._forward(exchange, body)
            injected = self.proxy._injected(exchange, after=True, reply=reply) or reply
        elif injected is not DROP:
            exchange.status = injected.status
        self._send(injected)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _ask(self, body, timeout):
        """The API server's answer, on the connection that was kept or a new one."""
        headers = {key: value for key, value in self.headers.items()
                   if key.lower() in ("accept", "content-type", "user-agent")} | {"Authorization": f"Bearer {self.proxy.token}"}
        for fresh in (self.upstream is None, True):
            if self.upstream is None:
                self.upstream = self.proxy.api.connect_bare(timeout)
                self.upstream.connect()
                self.upstream.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self.upstream.request(self.command, self.path, body or None, headers)
                return self.upstream.getresponse()
            except (OSError, http.client.HTTPException):
                self.upstream.close()
                self.upstream = None
                if fresh:
                    raise
        return None

    def _forward(self, exchange, body):
        found = self._ask(body, 60)
        text = found.read()
        exchange.answered, exchange.status = time.monotonic(), found.status
        headers = {key: value for key, value in found.getheaders() if key.lower() in ("content-type", "retry-after", "warning", "date")}
        return Reply(found.status, text, headers)

    def _send(self, reply):
        if reply is DROP:
            self.close_connection = True
            return
        self.send_response_only(reply.status)
        for key, value in reply.headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body if reply.cut is None else reply.body[:reply.cut])
        self.close_connection = self.close_connection or reply.cut is not None

    def _watch(self):
        found = self._ask(None, 900)
        if found.status != 200:
            return self._send(Reply(found.status, found.read(), {"Content-Type": "application/json"}))
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        stream = Stream(self, self.upstream.sock)
        with self.proxy.lock:
            self.proxy.streams.add(stream)
        try:
            while data := found.read1(65536):
                stream.chunk(data)
            with stream.lock:
                self.wfile.write(b"0\r\n\r\n")
        except (OSError, http.client.HTTPException):
            self.close_connection = True
        finally:
            with self.proxy.lock:
                self.proxy.streams.discard(stream)
            self.upstream.close()
            self.upstream = None
        return None
