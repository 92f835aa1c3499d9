"""Whatever a command prints for people, it prints for scripts too."""

from collections.abc import Iterator

import click

from moodmill.cli.app import moodmill

#: Services, and checks of them, whose answer is the exit status.
WITHOUT_RESULTS = {"worker", "schedule serve", "schedule check", "explore", "lake sql"}


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        elif command is not None:
            yield " ".join((*path, name)), command


def test_every_command_with_a_result_prints_json_on_request() -> None:
    without = {
        name
        for name, command in commands(moodmill)
        if not any("--json" in parameter.opts for parameter in command.params)
    }
    assert without == WITHOUT_RESULTS
