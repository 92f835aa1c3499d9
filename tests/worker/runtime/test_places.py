"""Which processes a machine gets: one for each device, each with metrics and processors of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from moodmill.db.core.errors import SettingError
from moodmill.worker.runtime.places import (
    NODES,
    Place,
    allowed,
    find_places,
    kept_to,
    metrics_address,
    names_of,
    processor_groups,
)

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")


def test_devices_that_are_named_get_a_process_each() -> None:
    assert find_places("cpu, cpu") == [Place(device="cpu"), Place(device="cpu")]
    assert names_of(find_places("cpu,auto,cpu")) == ["cpu (1)", "auto", "cpu (2)"]


@pytest.mark.parametrize("asked", ["cpu,", "", "cpu;cpu", "gpu0", "everything"])
def test_what_is_no_device_is_refused(asked: str) -> None:
    with pytest.raises(SettingError, match="expected auto, or one of cpu"):
        find_places(asked)


@without_gpu
@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_all_of_a_machine_without_gpus_is_a_process_for_each_node_of_memory(device: str) -> None:
    places = find_places("all", device)
    assert [place.device for place in places] == ["cpu"] * len(processor_groups(NODES, allowed()))
    if len(places) == 1:
        assert places[0].cores is None


@without_gpu
def test_all_gpus_where_there_are_none_and_all_of_one_device_are_refused() -> None:
    with pytest.raises(SettingError, match=r"'cuda' \(MOODMILL_DEVICE\)|torch finds none"):
        find_places("all", "cuda")
    with pytest.raises(SettingError, match="MOODMILL_DEVICE is cuda:1: name them"):
        find_places("all", "cuda:1")


def node(folder: Path, number: int, processors: str) -> None:
    (folder / f"node{number}").mkdir()
    (folder / f"node{number}" / "cpulist").write_text(f"{processors}\n")


def test_processors_are_parted_by_their_memory_as_far_as_they_may_be_used(tmp_path: Path) -> None:
    for number, processors in {0: "0-3,16-17", 1: "4-7", 2: "", 10: "8"}.items():
        node(tmp_path, number, processors)
    (tmp_path / "online").write_text("0-1")
    assert processor_groups(tmp_path, frozenset(range(32))) == [{0, 1, 2, 3, 16, 17}, {4, 5, 6, 7}, {8}]
    assert processor_groups(tmp_path, frozenset({2, 17, 5})) == [{2, 17}, {5}]
    assert processor_groups(tmp_path / "nowhere", frozenset({2, 5})) == [{2, 5}]


@pytest.mark.process
def test_a_process_keeps_to_its_processors_and_who_started_it_does_not() -> None:
    before = os.sched_getaffinity(0)
    one = max(before)
    told = [sys.executable, "-c", "import os; print(*os.sched_getaffinity(0))"]
    with kept_to(frozenset({one})):
        inside = subprocess.run(told, capture_output=True, check=True).stdout
    assert inside.split() == [str(one).encode()]
    assert os.sched_getaffinity(0) == before
    with kept_to(None):
        assert os.sched_getaffinity(0) == before


def test_each_process_shows_its_metrics_a_port_further() -> None:
    assert [metrics_address("[::1]:9100", number) for number in range(3)] == ["[::1]:9100", "[::1]:9101", "[::1]:9102"]
    assert metrics_address(None, 1) is None
    with pytest.raises(SettingError, match="process 2 has no port left"):
        metrics_address("0.0.0.0:65534", 2)
