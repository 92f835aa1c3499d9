"""`moodmill models`: which models have labelled into the store, and whose rows the views hold."""

import click
from rich.text import Text

from moodmill.cli.options import json_option, store_options
from moodmill.cli.printing import OUTPUT, print_json
from moodmill.cli.session import opened_store


@click.group()
def models() -> None:
    """List the models that have labelled into the store, and choose the one whose rows the views hold."""


@models.command("list")
@store_options
@json_option
def list_models(as_json: bool) -> None:
    """List the models, and which of them is active."""
    from moodmill.db.results.models import known_models

    with opened_store() as store:
        known = known_models(store)
    if as_json:
        print_json([{"model": name, "active": is_active} for name, is_active in known.items()])
        return
    for name, is_active in known.items():
        OUTPUT.print(Text(f"{'active' if is_active else '      '}  {name}"), soft_wrap=True)


@models.command()
@click.argument("model")
@store_options
@json_option
def activate(model: str, as_json: bool) -> None:
    """Have the views hold the rows of MODEL from now on. The rows of every model stay where they are."""
    from moodmill.db.results.models import activate_model

    with opened_store() as store:
        activate_model(store, model)
    if as_json:
        print_json({"model": model, "active": True})
    else:
        OUTPUT.print(Text(f"{store.shown}: the views hold the rows of {model}"), soft_wrap=True)
