"""Lakes into which faults are put: in a local folder, and on an S3 server of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

from tests.storage import BUCKET, forget_filesystems, s3_server

#: Where a store keeps its rows that has a lake.
Lake = Literal["folder", "s3"]


@contextmanager
def lake_settings(lake: Lake | None, folder: Path) -> Iterator[dict[str, str]]:
    """Yield the settings by which processes have a lake, if they are to have one; this process reads it, too."""
    if lake is None:
        yield {}
    elif lake == "folder":
        yield {"MOODMILL_LAKE": str(folder / "store" / "lake")}
    else:
        with s3_server() as server, pytest.MonkeyPatch.context() as patch:
            for name, value in server.items():
                patch.setenv(name, value)
            forget_filesystems()
            yield {**server, "MOODMILL_LAKE": f"s3://{BUCKET}/lake"}
            forget_filesystems()
