"""Writes the pages of docs/reference out of the code: `python docs/generate.py`, or `make docs`."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
from prometheus_client.metrics import MetricWrapperBase
from sqlalchemy import Table

import moodmill
from moodmill.cli.app import moodmill as command_line
from moodmill.cli.commands.settings import to_markdown
from moodmill.cli.known_settings import all_settings
from moodmill.db.database.schema import metadata

FOLDER: Final = Path(__file__).parent / "reference"
#: Methods that Python calls, and what a reader wants to know of them.
SPECIAL: Final = ("__init__", "__call__")


def pages() -> dict[str, str]:
    """Return the pages by their names."""
    return {
        "settings.md": to_markdown(all_settings()),
        "python.md": python(),
        "command-line.md": commands(),
        "schema.md": schema(),
        "metrics.md": metrics(),
    }


def python() -> str:
    """Return the reference of the Python API, out of its docstrings."""
    lines = [
        "# Python",
        "",
        "What `import moodmill` gives; importing it imports nothing else, and reads no setting.",
        "",
    ]
    names = [name for name in moodmill.__all__ if not name.startswith("__")]
    errors = [name for name in names if name.endswith("Error")]
    for name in sorted({*names} - {*errors, "EMOTIONS"}, key=str.lower):
        lines += (
            _class(name, getattr(moodmill, name)) if name[0].isupper() else _function(name, getattr(moodmill, name))
        )
    lines += [
        "## Errors",
        "",
        "Each is a `MoodmillError`, and says in one line what was expected, what came, and what to do.",
        "",
    ]
    lines += ["| error | |", "| --- | --- |"]
    lines += [f"| `{name}` | {_first_line(getattr(moodmill, name))} |" for name in errors]
    lines += ["", "## EMOTIONS", "", f"The 27 emotions in the order of all columns: {', '.join(moodmill.EMOTIONS)}."]
    return "\n".join(lines) + "\n"


def _class(name: str, of: type) -> Iterator[str]:
    yield from (f"## {name}", "", *_prose(of.__doc__ or ""), "")
    if attributes := _attributes(of):
        yield from ("| attribute | |", "| --- | --- |")
        yield from (f"| `{attribute}` | {said} |" for attribute, said in attributes.items())
        yield ""
    for member, value in vars(of).items():
        function = value.__func__ if isinstance(value, classmethod) else value
        if not inspect.isfunction(function) or (member.startswith("_") and member not in SPECIAL):
            continue
        if member == "__init__" and "ade by `" in (of.__doc__ or ""):
            continue  # by others, it says
        if function.__doc__ and function.__code__.co_filename.startswith(str(Path(moodmill.__file__).parent)):
            shown = {"__init__": name, "__call__": f"{name}()"}.get(member, f"{name}.{member}")
            yield from _signature(shown, function)


def _attributes(of: type) -> dict[str, str]:
    """Return the attributes and properties of a class, by the comments above them or their docstrings."""
    said: dict[str, str] = {}
    source = textwrap.dedent(inspect.getsource(of))
    for comment, attribute in re.findall(r"((?:^ +#: .*\n)+) +(?:self\.)?(\w+):", source, re.MULTILINE):
        said[attribute] = " ".join(comment.replace("#:", "").split())
    body = ast.parse(source).body[0]
    for node in body.body if isinstance(body, ast.ClassDef) else ():
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_"):
            said.setdefault(node.target.id, "")
    for member, value in vars(of).items():
        if isinstance(value, property) and not member.startswith("_"):
            said[member] = " ".join((value.__doc__ or "").split())
    return said


def _function(name: str, of: Any) -> Iterator[str]:
    yield from (f"## {name}", "")
    yield from _signature(f"moodmill.{name}", of, level="")


def _signature(shown: str, of: Any, level: str = "### ") -> Iterator[str]:
    if level:
        yield from (f"{level}{shown}", "")
    signature = inspect.signature(of)
    parameters = [one for one in signature.parameters.values() if one.name not in ("self", "cls")]
    bare = signature.replace(
        parameters=[one.replace(annotation=inspect.Parameter.empty) for one in parameters],
        return_annotation=inspect.Signature.empty,
    )
    yield from (
        "```python",
        _wrapped(f"{shown.removesuffix('()')}{bare}"),
        "```",
        "",
        *_prose(of.__doc__ or ""),
        "",
    )


def _wrapped(call: str) -> str:
    if len(call) <= 100:
        return call
    head, _, inside = call.partition("(")
    arguments = textwrap.fill(inside.removesuffix(")"), 96, initial_indent="    ", subsequent_indent="    ")
    return f"{head}(\n{arguments},\n)"


def _prose(docstring: str) -> list[str]:
    """Return a docstring as Markdown: its sections become lists."""
    lines: list[str] = []
    for line in inspect.cleandoc(docstring).replace("\n    import", "\n    import").splitlines():
        if re.fullmatch(r"(Args|Raises|Returns):", line):
            lines += [f"**{line.removesuffix(':')}**", ""]
        elif found := re.fullmatch(r"    (\w[\w, ]*): (.*)", line):
            names = ", ".join(f"`{name}`" for name in found[1].split(", "))
            lines.append(f"- {names}: {found[2]}")
        elif line.startswith("        "):
            lines.append(f"  {line.strip()}")
        else:
            lines.append(line.strip())
    return lines


def _first_line(of: type) -> str:
    return (of.__doc__ or "").strip().splitlines()[0].replace("|", "\\|")


def commands() -> str:
    """Return the reference of the command line: what `--help` says of each command."""
    lines = ["# Command line", "", "What `--help` says of each command; `-h` does the same.", ""]
    context = click.Context(command_line, info_name="moodmill", terminal_width=100)
    for name, command, of in _walk("moodmill", command_line, context):
        lines += [f"## {name}", "", "```", command.get_help(of).rstrip(), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _walk(
    name: str, command: click.Command, context: click.Context
) -> Iterator[tuple[str, click.Command, click.Context]]:
    yield name, command, context
    if isinstance(command, click.Group):
        for part in command.list_commands(context):
            found = command.get_command(context, part)
            if found is not None and not found.hidden:
                inner = click.Context(found, info_name=part, parent=context, terminal_width=100)
                yield from _walk(f"{name} {part}", found, inner)


def schema() -> str:
    """Return the reference of the store's tables."""
    lines = [
        "# Schema",
        "",
        "The tables of a store. Dashboards read the views: see [dashboards](../how-to/dashboards.md).",
        "",
    ]
    for table in metadata.sorted_tables:
        lines += [f"## {table.name}", "", "| column | type | |", "| --- | --- | --- |", *_columns(table), ""]
    return "\n".join(lines).rstrip() + "\n"


def _columns(table: Table) -> Iterator[str]:
    emotions = [column.name for column in table.columns if column.name in moodmill.EMOTIONS]
    for column in table.columns:
        if column.name in emotions[1:]:
            continue
        name = (
            f"`{emotions[0]}` … `{emotions[-1]}`, {len(emotions)} columns"
            if emotions[:1] == [column.name]
            else f"`{column.name}`"
        )
        is_moment = hasattr(column.type, "impl")
        kind = "timestamp, UTC" if is_moment else re.sub(r"\(.*\)", "", str(column.type.compile())).lower()
        yield f"| {name} | {kind} | {'key' if column.primary_key else '' if column.nullable else 'not null'} |"


def metrics() -> str:
    """Return the reference of the metrics: of producers, workers, and the schedule."""
    from moodmill.producers.runs import metrics as of_producers
    from moodmill.producers.schedule import gauges
    from moodmill.worker.telemetry import metrics as of_workers

    groups = {
        "Of a process that reads sources": _metrics_of(of_producers),
        "Of a worker": _metrics_of(of_workers),
        "Of the schedule": [
            (name, "gauge", said)
            for group in (gauges.OF_BROKER, gauges.OF_STORE, gauges.OF_JOB)
            for name, said in group.items()
        ],
    }
    lines = ["# Metrics", "", "What Prometheus finds at `MOODMILL_METRICS`: see [operations](../how-to/operations.md)."]
    for title, found in groups.items():
        lines += ["", f"## {title}", "", "| metric | kind | |", "| --- | --- | --- |"]
        lines += [f"| `{name}` | {kind} | {said} |" for name, kind, said in found]
    return "\n".join(lines) + "\n"


def _metrics_of(module: Any) -> list[tuple[str, str, str]]:
    wrapped = [value for value in vars(module).values() if isinstance(value, MetricWrapperBase)]
    found = {metric.name: metric for value in wrapped for metric in value.describe()}  # some stand there by label, too
    suffixes = {"counter": "_total", "info": "_info"}
    return [(f"{name}{suffixes.get(one.type, '')}", one.type, one.documentation) for name, one in found.items()]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, page in pages().items():
        (FOLDER / name).write_text(page, encoding="utf-8")
