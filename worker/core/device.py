"""What a device is named as, and whether the torch that is installed is built for it. Imports no torch."""

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from moodmill.db.core.errors import SettingError

#: Types of devices on which torch computes: https://docs.pytorch.org/docs/stable/tensor_attributes.html#torch.device
TYPES: Final = ("cpu", "cuda", "hpu", "mps", "mtia", "npu", "xla", "xpu")
_NAME: Final = re.compile(rf"auto|(?P<type>{'|'.join(TYPES)})(:\d+)?")
_DEVICES: Final = Path("/dev")
#: Lines of torch/version.py that a build for a GPU of this type has: AMD's are "cuda" to torch, too.
_BUILT_FOR: Final = {"cuda": r"^(cuda|hip)\b[^=\n]*= *'", "xpu": r"^xpu\b[^=\n]*= *'"}


def check_device_name(device: str) -> None:
    """Raise ValueError for what is no name of a device."""
    if not _NAME.fullmatch(device):
        raise ValueError(f"expected auto, or one of {', '.join(TYPES)}, and its number if there are several: cuda:1")


def check_device(device: str) -> None:
    """Raise SettingError where the torch that is installed cannot use a device, as far as that is known without it."""
    try:
        check_device_name(device)
    except ValueError as error:
        raise SettingError(f"device {device!r} (MOODMILL_DEVICE): {error}") from error
    kind = device.partition(":")[0]
    if kind == "mps" and sys.platform != "darwin":
        raise SettingError(f"device {device!r} (MOODMILL_DEVICE): only a Mac has it; try auto")
    if find_spec("torch") is not None and not is_built_for(kind):
        raise SettingError(
            f"device {device!r} (MOODMILL_DEVICE): the torch that is installed is not built for it; "
            "install another build of torch, or try auto"
        )


def may_have_gpu() -> bool:
    """Tell whether there may be a GPU for torch: a driver has a device, or nobody knows without asking torch.

    NVIDIA's is nvidia0 and so on, nvmap on Jetson; AMD's is kfd; Windows' Linux has dxg for both.
    """
    if sys.platform != "linux":
        return True
    return any(next(_DEVICES.glob(pattern), None) is not None for pattern in ("nvidia*", "nvmap", "kfd", "dxg"))


def is_built_for(kind: str) -> bool:
    """Tell whether the torch that is installed may know a type of device; of most it is not known without it."""
    torch = find_spec("torch")
    if torch is None or torch.origin is None:
        return False
    version = Path(torch.origin).with_name("version.py")
    if kind not in _BUILT_FOR or not version.is_file():
        return True
    return re.search(_BUILT_FOR[kind], version.read_text(encoding="utf-8"), re.MULTILINE) is not None
