"""Plain requests to the API server of the current context, without the cost of a kubectl each. Thread-safe."""

import base64
import http.client
import json
import ssl
import subprocess
import tempfile
import threading
import urllib.parse

from result import Result

PATHS = {"deployment": "/apis/apps/v1", "replicaset": "/apis/apps/v1", "service": "/api/v1", "pod": "/api/v1", "event": "/api/v1",
         "serviceaccount": "/api/v1", "endpointslice": "/apis/discovery.k8s.io/v1", "lease": "/apis/coordination.k8s.io/v1",
         "httproute": "/apis/gateway.networking.k8s.io/v1", "rollout": "/apis/sluice.dev/v1alpha1",
         "rolloutaction": "/apis/sluice.dev/v1alpha1", "role": "/apis/rbac.authorization.k8s.io/v1",
         "rolebinding": "/apis/rbac.authorization.k8s.io/v1"}
PATCHES = {"json": "application/json-patch+json", "merge": "application/merge-patch+json",
           "strategic": "application/strategic-merge-patch+json"}


def path_of(namespace, kind, name="", subresource=""):
    """The path of "deployment", "deployments" or "deployments.apps" in a namespace, of one object or of all."""
    kind = kind.lower().partition(".")[0].removesuffix("s")
    return f"{PATHS[kind]}/namespaces/{namespace}/{kind}s" + "".join("/" + part for part in (name, subresource) if part)


class Api:
    """Each thread has a connection of its own, with the certificate or the token of the context, and may impersonate."""

    def __init__(self):
        view = subprocess.run(["kubectl", "config", "view", "--raw", "--flatten", "--minify", "-o", "json"],
                              capture_output=True, text=True, check=True).stdout
        config = json.loads(view)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.trust = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.tls = ssl.create_default_context(cadata=self.trust)
        if "client-certificate-data" in user:
            with tempfile.NamedTemporaryFile() as certificate:
                certificate.write(base64.b64decode(user["client-certificate-data"]) + b"\n" + base64.b64decode(user["client-key-data"]))
                certificate.flush()
                self.tls.load_cert_chain(certificate.name)
        self.token = user.get("token")
        self.server = urllib.parse.urlsplit(cluster["server"])
        self.mine = threading.local()

    def connect(self, timeout=30):
        return http.client.HTTPSConnection(self.server.hostname, self.server.port or 443, context=self.tls, timeout=timeout)

    def connect_bare(self, timeout=30):
        """Without the context's certificate, for requests that say by a token who asks."""
        return http.client.HTTPSConnection(self.server.hostname, self.server.port or 443, timeout=timeout,
                                           context=ssl.create_default_context(cadata=self.trust))

    def headers(self, user=None, type="application/json", accept="application/json"):
        headers = {"Content-Type": type, "Accept": accept}
        if user:
            headers["Impersonate-User"] = user
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return headers

    def request(self, method, path, body=None, type="application/json", user=None, accept="application/json"):
        shown = f"{method} {path} as {user or 'administrator'}"
        text = None if body is None else json.dumps(body)
        while True:
            kept = getattr(self.mine, "connection", None)
            connection = self.mine.connection = kept or self.connect()
            try:
                connection.request(method, path, text, self.headers(user, type, accept))
                answer = connection.getresponse()
                found = answer.read().decode()
                break
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self.mine.connection = None
                # A connection that was kept may have been closed by the server meanwhile; a new one is not.
                if kept is None or isinstance(error, TimeoutError):
                    return Result(shown, 1, "", f"{type_name(error)}: {error}")
        if answer.status < 300:
            return Result(shown, 0, found, "")
        return Result(shown, 1, found, json.loads(found).get("message", found) if found.startswith("{") else found)

    def call(self, method, namespace, kind, name="", subresource="", body=None, type="application/json", user=None, query=""):
        return self.request(method, path_of(namespace, kind, name, subresource) + (f"?{query}" if query else ""), body, type, user)

    def allows(self, user, namespace, verb, resource, name=""):
        """Whether the user may do that, as the API server itself sees it at this moment; resource is "plural.group/subresource"."""
        resource, _, subresource = resource.partition("/")
        plural, _, group = resource.partition(".")
        asked = {"namespace": namespace, "verb": verb, "group": group, "resource": plural, "subresource": subresource, "name": name}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                  "spec": {"user": user, "resourceAttributes": {key: value for key, value in asked.items() if value}}}
        if user.startswith("system:serviceaccount:"):
            review["spec"]["groups"] = ["system:serviceaccounts", "system:serviceaccounts:" + user.split(":")[2]]
        return self.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review).json()["status"]["allowed"]


def type_name(error):
    return error.__class__.__name__
