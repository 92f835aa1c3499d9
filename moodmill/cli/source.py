"""SOURCE on a command line: a file or folder of this machine, or the URL of what lies elsewhere."""

from pathlib import Path
from typing import Any

import click


class SourcePath(click.ParamType):  # type: ignore[type-arg] # which it takes in newer releases only
    """A path, which may be a URL."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ARG002 - as click calls it
        """Return the path. Raises SettingError for a URL that cannot be one."""
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return] # a path already
        if "://" not in value:
            return Path(value)
        from moodmill.db.core.elsewhere import path_of

        return path_of(value)


SOURCE = SourcePath()
