"""Types hold. A test among others: alone it would keep one core busy for half a minute, and the others idle."""

import subprocess
import sys

import pytest

from tests.support import ROOT

pytestmark = pytest.mark.process


@pytest.mark.timeout(1200)  # seconds: without a cache, beside other tests
def test_types_hold() -> None:
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
