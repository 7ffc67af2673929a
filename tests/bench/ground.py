"""A control plane of the benchmarks' own, with Sluice installed and in force; nothing of it is left afterwards."""

import contextlib
import os
import shutil
import subprocess
import tempfile

from control_plane import Suite
from installation import TOP
from promises import check


@contextlib.contextmanager
def control_plane(name):
    """Gives the Suite that scripted worlds are made of. One of a name at a time: it ends what an earlier one left."""
    os.environ.pop("KUBECONFIG", None)
    caches = tempfile.mkdtemp(prefix="sluice-kubectl-")
    try:
        end(name)  # what a killed run may have left is not what is to be measured
        suite = Suite("bench")
        suite.connect(name)
        suite.install(caches)
        yield suite
    finally:
        end(name)
        shutil.rmtree(caches, ignore_errors=True)


def end(name):
    done = subprocess.run([f"{TOP}/hack/cluster", "down", "--name", name], capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"the control plane {name} is not gone: {done.stderr}")
