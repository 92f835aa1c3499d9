"""`moodmill bench`: how fast it is here, stage by stage and whole, and beside what people use otherwise."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from moodmill.cli.console import SafeConsole
from moodmill.cli.options import device_options, json_option, model_options
from moodmill.cli.printing import OUTPUT, REMARKS, print_json

if TYPE_CHECKING:
    from moodmill.bench.comparison import Comparison
#: Stands for all peers.
ALL = "all"
#: Columns of the table at least: cut off, it would be of no use in a file.
WIDTH = 150


@click.command(short_help="Measure throughput on this machine, and that of other tools.")
@click.argument("source", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--comments", type=click.IntRange(1), default=2_000, show_default=True, help="How many, of the first.")
@click.option(
    "--against", "peers", multiple=True, metavar="NAME", help="Also a peer; may be repeated; `all` is all of them."
)
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Worker processes.")
@click.option(
    "--null-model",
    type=click.FloatRange(0),
    metavar="MICROSECONDS",
    help="Only the whole way, the model replaced by a delay of so many µs a character.",
)
@click.option(
    "--before",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What `bench --json` printed earlier, of another version: say how much faster the whole way is.",
)
@click.option("--into", metavar="URL", help="A store that keeps the rows; by default a temporary file.")
@click.option(
    "--picture", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Draw it: .png or .svg."
)
@model_options
@device_options
@json_option
def bench(
    source: Path | None,
    comments: int,
    peers: tuple[str, ...],
    workers: int,
    null_model: float | None,
    before: Path | None,
    into: str | None,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Measure comments a second on the first comments of SOURCE, or on a bundled sample: more are repeated.

    The stages alone (read, messages, tokenize, language, batch, the model's forward pass, write), then the whole way
    without a model and with it: an embedded broker and real workers, timed from when they are ready. Peers run the
    same weights on the same texts, each in a process of its own, reading and writing nothing; they need the extra
    `bench`, and what cannot be measured here is named with the reason. On a busy machine nothing is refused, but it is
    said: then only ratios are worth something.
    """
    from moodmill.bench.comparison import Plan, compare
    from moodmill.bench.machine import describe
    from moodmill.bench.peers import PEERS
    from moodmill.bench.report import as_json as to_json
    from moodmill.bench.report import draw
    from moodmill.bench.verdict import rate_before, verdict
    from moodmill.db.core.settings import read_settings
    from moodmill.producers.sample import SAMPLE
    from moodmill.worker.core.settings import WorkerSettings

    wanted = [*PEERS] if ALL in peers else [*peers]
    unknown = [name for name in wanted if name not in PEERS]
    if unknown:
        raise click.BadParameter(f"expected one of {ALL}, {', '.join(PEERS)}; got {unknown[0]}", param_hint="--against")
    if null_model is not None and (wanted or picture or before):
        raise click.UsageError("--null-model measures no model: leave out --against, --before and --picture")
    if picture and picture.suffix not in (".png", ".svg"):
        raise click.BadParameter(f"expected a name that ends in .png or .svg, got {picture}", param_hint="--picture")
    plan = Plan(
        source=source or SAMPLE,
        comments=comments,
        settings=read_settings(WorkerSettings),
        peers=wanted,
        store_url=into,
        workers=workers,
        null_microseconds=null_model,
    )
    earlier = None if before is None else rate_before(before, comments)
    found = compare(plan, lambda what: REMARKS.print(f"measuring {what} …"))
    machine, said = describe(), [*verdict(found, earlier)]
    if as_json:
        print_json(to_json(found, machine) | {"verdict": said})
    else:
        OUTPUT.print(", ".join(f"{name} {value}" for name, value in machine.items()), soft_wrap=True)
        show(found)
        for line in said:
            OUTPUT.print(line, soft_wrap=True)
    if picture:
        draw(found, machine, picture)


def show(found: "Comparison") -> None:
    """Print the table, and what stands beside it."""
    from moodmill.bench.figures import Figures, Unmeasured

    if found.tuning:
        OUTPUT.print(
            f"model in {found.tuning.engine}, {found.tuning.threads} threads, micro-batches of "
            f"{found.tuning.batch_tokens:,} tokens"
        )
    measured = [one for one in found.results if isinstance(one, Figures)]
    columns = {
        "engine": [one.engine or "" for one in measured],
        "comments/s": [f"{one.rate:,.0f}" for one in measured],
        "tokens/s": ["" if one.tokens is None else f"{one.tokens / one.seconds:,.0f}" for one in measured],
        "CPU s/10,000": ["" if one.cpu_cost is None else f"{one.cpu_cost:,.2f}" for one in measured],
        "padding": ["" if one.padding is None else f"{one.padding:.1%}" for one in measured],
        "fill": ["" if one.fill is None else f"{one.fill:.1%}" for one in measured],
        "of matrix rate": [_share(one.flops, found.product_flops) for one in measured],
        "off fp32": ["" if one.difference is None else f"{one.difference:.4f}" for one in measured],
        "mean": ["" if one.mean_difference is None else f"{one.mean_difference:.4f}" for one in measured],
        "MiB": ["" if one.memory_mib is None else f"{one.memory_mib:,.0f}" for one in measured],
    }
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    table = Table(box=None)
    table.add_column("", no_wrap=True)
    for name in shown:
        table.add_column(name, justify="right", no_wrap=True)
    for row, one in enumerate(measured):
        table.add_row(one.name, *(cells[row] for cells in shown.values()))
    SafeConsole(width=max(OUTPUT.width, WIDTH)).print(table)
    for other in found.results:
        if isinstance(other, Unmeasured):
            OUTPUT.print(f"{other.name} is unmeasured: {other.why}", soft_wrap=True)
    if found.product_flops:
        OUTPUT.print(f"matrix rate: {found.product_flops / 1e9:,.0f} GFLOP/s in the model's shapes and precision")


def _share(part: float | None, whole: float | None) -> str:
    return "" if part is None or whole is None else f"{part / whole:.0%}"
