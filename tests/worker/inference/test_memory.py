import os
import platform
import resource
import subprocess
import sys

import pytest
import torch

from moodmill.worker.inference.memory import keep_memory
from tests.support import clean_environment

#: Four-byte numbers of what a micro-batch holds between two layers: 48 MiB.
NUMBERS = 8192 * 1536
ROUNDS = 20


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left to their own ways")
def test_memory_that_a_micro_batch_freed_is_there_for_the_next_without_page_faults() -> None:
    program = f"from {__name__} import page_faults\nprint(page_faults())"
    done = subprocess.run(
        [sys.executable, "-c", program], env=clean_environment(), capture_output=True, check=True, timeout=300
    )
    # Anew each time, it would be 245,000: 12,288 pages a round; the first ones may be.
    assert int(done.stdout) < 120_000


def page_faults() -> int:
    """Take and free memory as a model does; return the page faults after the first time."""
    os.environ["THP_MEM_ALLOC_ENABLE"] = "0"  # pages of 2 MiB would hide that memory is given back
    keep_memory()
    torch.ones(NUMBERS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(ROUNDS):
        torch.ones(NUMBERS)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
