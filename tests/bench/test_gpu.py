"""The script for GPUs runs here on the processor, in small, and says so."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from moodmill.bench.device_work import covered, watch_device
from tests.support import clean_environment


def gpu(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "moodmill.bench.gpu", *arguments],
        cwd=cwd,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_forward_and_whole_way_of_random_weights_are_told_with_what_the_device_waits_for(tmp_path: Path) -> None:
    done = gpu("--size", "2x24", "--comments", "60", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for part in (
        "there is no GPU here",
        "2 layers of 24, cpu, fp32",
        "of a matrix product",
        "model threads wait for texts",
        "the whole way",
        "the device computes",
        "host CPU for 10,000 comments",
        "comes first",
        "x  mkldnn::_linear",  # a product is among what takes longest
    ):
        assert part in done.stdout


def test_a_size_that_cannot_be_is_refused(tmp_path: Path) -> None:
    done = gpu("--size", "6x100", cwd=tmp_path)
    assert done.returncode == 2
    assert "expected LAYERSxHIDDEN, HIDDEN a multiple of 12, as 6x384; got 6x100" in done.stderr


def test_spans_that_overlap_count_once() -> None:
    assert covered([(4, 6), (0, 2), (1, 3), (1, 2)]) == 5
    assert covered([]) == 0


def test_what_the_device_does_is_told_by_its_operations() -> None:
    left = torch.ones(400, 400)
    work = watch_device(lambda: [left @ left for _ in range(20)], torch.device("cpu"))
    assert work.computing + work.copying + work.idle == pytest.approx(1)
    assert work.computing > 0.3
    assert work.top[0].name == "aten::mm"
    assert work.top[0].calls == 20
