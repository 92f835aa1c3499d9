"""OpenVINO sends nothing: no connection is tried, and what would try one is not there."""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tests.support import clean_environment

#: Ends the process with status 3 where it looks up an address, connects, or starts what may do so. It is told before a
#: process is forked, for OpenVINO's telemetry sends from one. To look where libraries lie sends nothing.
WATCH = """
import os, sys
def watch(event, given):
    if event in ("socket.connect", "socket.getaddrinfo", "os.fork", "os.posix_spawn", "subprocess.Popen"):
        if event == "subprocess.Popen" and str(given[0]).endswith("/ldconfig"):
            return
        os.write(2, f"{event} {given}\\n".encode())
        os._exit(3)
sys.addaudithook(watch)
"""
#: Converts, quantizes and runs a model, and gives what would send a moment to do so.
WORK = """
import time, torch, numpy as np
model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).eval()
graph = ov.convert_model(model, example_input=torch.ones(2, 8))
import nncf
graph = nncf.quantize(graph, nncf.Dataset([np.ones((1, 8), np.float32)] * 3), subset_size=3)
ov.Core().compile_model(graph, "CPU")(np.ones((2, 8), np.float32))
time.sleep(1)
"""
SILENT = "from moodmill.worker.core.openvino import silent_openvino; ov = silent_openvino()"


def run(program: str, home: Path) -> "subprocess.CompletedProcess[str]":
    """Run a program in a home where nobody has said whether something may be sent; from CI nothing would be."""
    nobody = {"HOME": str(home), "CI": "", "TF_BUILD": "", "JENKINS_URL": ""}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=clean_environment(PYTHONPATH=os.environ.get("PYTHONPATH", ""), **nobody),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(autouse=True)
def _needs_what_sends() -> None:
    for package in ("openvino", "nncf", "openvino-telemetry"):  # this process may have kept itself from importing it
        try:
            version(package)
        except PackageNotFoundError:
            pytest.skip(f"{package} is not installed")


@pytest.mark.process
def test_converting_quantizing_and_running_a_model_tries_no_connection(tmp_path: Path) -> None:
    done = run(WATCH + SILENT + WORK, tmp_path)
    assert done.returncode == 0, done.stderr
    assert [*tmp_path.iterdir()] == []  # no identity of a client either


@pytest.mark.process
def test_without_that_the_import_alone_would_try_one(tmp_path: Path) -> None:
    done = run(WATCH + "import openvino as ov" + WORK, tmp_path)
    assert done.returncode == 3, done.stderr
