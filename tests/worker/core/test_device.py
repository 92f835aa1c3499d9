"""Devices are checked by their names and by torch's build, before anything is imported or started for them."""

import sys
from pathlib import Path

import pytest

from moodmill.db.core.errors import SettingError
from moodmill.worker.core import device
from moodmill.worker.core.device import check_device


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The version.py of a torch that would be imported."""
    package = tmp_path / "torch"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    return package / "version.py"


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1", "xpu:0"])
def test_a_device_that_torch_is_built_for_is_taken(device: str, build: Path) -> None:
    build.write_text("cuda: Optional[str] = '13.0'\nhip: Optional[str] = None\nxpu: Optional[str] = '20250302'\n")
    check_device(device)


@pytest.mark.parametrize("device", ["cuda:1", "xpu"])
def test_a_device_that_torch_is_not_built_for_is_refused(device: str, build: Path) -> None:
    build.write_text("cuda: Optional[str] = None\nhip: Optional[str] = None\nxpu: Optional[str] = None\n")
    check_device("cpu")
    with pytest.raises(SettingError, match="not built for it"):
        check_device(device)


def test_a_device_of_macs_is_refused_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    check_device("mps")
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(SettingError, match="only a Mac has"):
        check_device("mps")


def test_a_build_for_amd_takes_cuda(build: Path) -> None:
    build.write_text("cuda: Optional[str] = None\nhip: Optional[str] = '7.0.51831'\n")
    check_device("cuda")


@pytest.mark.parametrize("device", ["toaster", "", "cuda:", "cuda:x", "CUDA"])
def test_what_names_no_device_is_refused_with_the_names_there_are(device: str) -> None:
    with pytest.raises(SettingError, match="expected auto, or one of cpu, cuda"):
        check_device(device)


@pytest.mark.parametrize(
    ("names", "may_be"),
    [((), False), (("null", "tty0"), False), (("nvidia0", "nvidiactl"), True), (("kfd",), True), (("dxg",), True)],
    ids=["nothing", "no GPU", "NVIDIA", "AMD", "Windows"],
)
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch is asked")
def test_a_gpu_is_looked_for_by_torch_only_where_a_driver_has_a_device(
    names: tuple[str, ...], may_be: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setattr(device, "_DEVICES", tmp_path)
    assert device.may_have_gpu() == may_be
