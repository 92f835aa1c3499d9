"""What a GPU makes of models of two sizes, and what it waits for: `python -m moodmill.bench.gpu`, or `make gpu`.

Random weights of each size go through the code that loads and runs any model, with the bundled model's tokenizer: the
forward pass alone; the classifier, which tokenizes; the whole way into an SQLite file. Minutes on a GPU; without one,
it measures the processor, in small.
"""

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click
import torch
from prometheus_client import REGISTRY
from transformers import AutoConfig

from moodmill.bench import stages
from moodmill.bench.apart import apart
from moodmill.bench.device_work import DeviceWork, watch_device
from moodmill.bench.figures import Figures
from moodmill.bench.host import HOST_COMMENTS, describe_host, first_wall, host_cost
from moodmill.bench.machine import describe, product_rate
from moodmill.bench.random_model import HEADS, write_random_model
from moodmill.bench.sample import read_comments, repeated, write_dump
from moodmill.bench.spending import spending
from moodmill.bench.whole import whole_way
from moodmill.bench.without_model import measure_without_model
from moodmill.db.core.settings import read_settings
from moodmill.db.database.store import Store
from moodmill.producers.sample import SAMPLE
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.inference.classifier import load_classifier
from moodmill.worker.inference.engines import load_model
from moodmill.worker.inference.repository import find_model
from moodmill.worker.inference.suitability import Suitability
from moodmill.worker.inference.tokens import TextTokenizer
from moodmill.worker.inference.torch_model import choose_device
from moodmill.worker.inference.tuning import tuned

#: Comments a second out of the model that one H100 is to reach, by layers and hidden values.
AIMS: Final = {(6, 384): 150_000, (12, 768): 50_000}
#: What runs on GPUs, and is profiled, also where there is none.
ENGINE: Final = "torch"
#: Comments that are measured, by whether there is a GPU.
COMMENTS: Final = {True: 100_000, False: 200}
#: Rows, columns and sums of the matrix product that a forward pass is compared with, by the same.
PRODUCT: Final = {True: 8_192, False: 1_024}
#: Micro-batches that are profiled; each leaves thousands of events.
PROFILED: Final = 20


@dataclass(frozen=True, kw_only=True)
class OnDevice:
    """A model on its device, one micro-batch after the other."""

    device: str
    precision: str
    #: The stages before the model, and its forward pass.
    alone: list[Figures]
    forward: Figures
    product_flops: float
    work: DeviceWork


def measure_model(settings: WorkerSettings, texts: Sequence[str]) -> OnDevice:
    """Measure the model that the settings name, and a matrix product beside it."""
    files, device = find_model(settings), choose_device(settings.moodmill_device)
    tuning = tuned(files, settings)
    model = load_model(files, settings, tuning)
    tokenizer = TextTokenizer(files.folder, model.max_tokens)
    tokenized, encoded = stages.tokenize(tokenizer, texts)
    language = stages.tell_language(Suitability(language=files.language), texts)
    batched, batches = stages.batch(encoded, tuning.batch_tokens, pads=model.pads)
    config = AutoConfig.from_pretrained(files.folder)
    forward, _ = stages.forward(
        model,
        len(texts),
        batches,
        lambda lengths: stages.forward_flops(config, lengths, only_first=stages.only_first(model, config)),
    )
    ids = [[one.ids for one in batch] for batch in batches[:PROFILED]]
    side = PRODUCT[device.type == "cuda"]
    dtype = torch.float32 if model.engine.precision == "fp32" else torch.bfloat16
    return OnDevice(
        device=str(device),
        precision=model.engine.precision,
        alone=[tokenized, language, batched],
        forward=forward,
        product_flops=product_rate(device, dtype, side, side, side),
        work=watch_device(lambda: [model.probabilities(batch, tokenizer.pad_id) for batch in ids], device),
    )


def measure_classifier(settings: WorkerSettings, texts: Sequence[str]) -> tuple[Figures, float]:
    """Classify texts as a worker's task threads do; return also the share of the time that model threads waited."""
    files = find_model(settings)
    chunks = [texts[start : start + stages.CHUNK] for start in range(0, len(texts), stages.CHUNK)]
    with load_classifier(files, settings) as classifier, ThreadPoolExecutor(settings.moodmill_threads) as threads:
        classifier.warm_up()
        before = _forward_seconds()
        with spending() as spent:
            for _ in threads.map(classifier.classify, chunks):
                pass
        busy = (_forward_seconds() - before) / (spent.seconds * classifier.model_threads)
    return Figures(name="with tokenizing", comments=len(texts), **asdict(spent)), max(0.0, 1 - busy)


def _forward_seconds() -> float:
    """Return the seconds that model threads of this process were in a forward pass so far."""
    return REGISTRY.get_sample_value("moodmill_stage_seconds_sum", {"stage": "forward"}) or 0.0


def report(
    size: tuple[int, int],
    found: OnDevice,
    classified: tuple[Figures, float],
    whole: Figures,
    host: Sequence[Figures],
    without_model: Figures,
) -> list[str]:
    """Return the lines about a model of one size, of which everything was measured."""
    layers, hidden = size
    forward, work, (tokenizing, waiting) = found.forward, found.work, classified
    cost = host_cost({one.name: one for one in (*host, *found.alone)}, without_model)
    write = next(one for one in host if one.name == "write")
    device_rate = max(forward.rate, tokenizing.rate)  # whichever keeps the device busier
    walls = {"the device": device_rate, "the host's CPU": cost.rate, "the store": write.rate}
    product, tokens = found.product_flops, (forward.tokens or 0) / forward.seconds
    lines = [
        f"{layers} layers of {hidden}, {found.device}, {found.precision}",
        f"  forward pass     {forward.rate:>10,.0f} comments/s, {tokens:,.0f} tokens/s, "
        f"{(forward.flops or 0) / product:.1%} of the {product / 1e12:,.1f} TFLOP/s of a matrix product",
        f"  with tokenizing  {tokenizing.rate:>10,.0f} comments/s; model threads wait for texts {waiting:.0%} "
        "of the time",
        f"  the whole way    {whole.rate:>10,.0f} comments/s",
        f"  in a forward pass the device computes {work.computing:.0%} of the time, only copies {work.copying:.0%}, "
        f"and waits {work.idle:.0%} for the host to lay out texts and launch kernels",
        f"  {describe_host(cost)}",
        f"  {first_wall(walls)}",
    ]
    if size in AIMS:
        share = device_rate / AIMS[size]
        lines.append(f"  aimed at on one H100, out of the model: {AIMS[size]:,} comments/s; this is {share:.1%} of it")
    lines.append("  of the time at work:")
    return lines + [f"    {one.share:6.1%}  {one.calls:>7,} x  {one.name[:100]}" for one in work.top]


def _size(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> list[tuple[int, int]]:
    sizes = []
    for value in values:
        layers, _, hidden = value.partition("x")
        if not (layers.isdigit() and hidden.isdigit() and int(layers) and int(hidden) and int(hidden) % HEADS == 0):
            raise click.BadParameter(f"expected LAYERSxHIDDEN, HIDDEN a multiple of {HEADS}, as 6x384; got {value}")
        sizes.append((int(layers), int(hidden)))
    return sizes or [*AIMS]


@click.command()
@click.argument("source", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--comments", type=click.IntRange(1), help="How many; more than there are are repeated.")
@click.option("--size", "sizes", multiple=True, callback=_size, help="LAYERSxHIDDEN; 6x384 and 12x768 by default.")
def main(source: Path | None, comments: int | None, sizes: Any) -> None:
    """Measure models of some sizes on the first comments of SOURCE, or on a bundled sample: more are repeated."""
    settings = read_settings(WorkerSettings)
    on_gpu = choose_device(settings.moodmill_device).type == "cuda"
    count = comments or COMMENTS[on_gpu]
    click.echo(", ".join(f"{name} {value}" for name, value in describe().items()))
    click.echo(f"load before anything was measured: {os.getloadavg()[0]:.2f}")
    if not on_gpu:
        click.echo("there is no GPU here: these are figures of the processor")
    sample = read_comments(source or SAMPLE, count)
    texts = [one.text for one in repeated(sample, count)]
    with tempfile.TemporaryDirectory(prefix="moodmill-bench-") as name:
        folder = Path(name)
        host, null = measure_without_model(sample, max(count, HOST_COMMENTS), folder)
        for layers, hidden in sizes:
            model = write_random_model(folder / f"random-{layers}x{hidden}", layers, hidden)
            named = settings.model_copy(update={"hf_model_repo": str(model), "moodmill_engine": ENGINE})
            found, classified = apart(measure_model, named, texts), apart(measure_classifier, named, texts)
            dump = folder / f"RC_{layers}x{hidden}"
            write_dump(dump, repeated(sample, count))
            with closing(Store(f"sqlite:///{folder}/{layers}x{hidden}.db")) as store:
                store.prepare()
                of_worker = {"HF_MODEL_REPO": str(model), "MOODMILL_ENGINE": ENGINE}
                whole = whole_way(dump, count, store, environment=of_worker)
            click.echo("\n".join(report((layers, hidden), found, classified, whole, host, null)))


if __name__ == "__main__":
    main()
