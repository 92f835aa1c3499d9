"""All ways side by side: ours, stage by stage and whole, and the peers, on the same texts."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoConfig

from moodmill.bench import stages
from moodmill.bench.apart import apart
from moodmill.bench.figures import Figures, Unmeasured
from moodmill.bench.host import HOST_COMMENTS, Host, host_cost
from moodmill.bench.machine import peak_memory_mib, product_rate
from moodmill.bench.peers import PEERS
from moodmill.bench.plain import emotion_columns, plain
from moodmill.bench.sample import read_comments, repeated, write_dump
from moodmill.bench.whole import WHOLE, whole_way
from moodmill.bench.without_model import measure_without_model
from moodmill.db.database.store import Store
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.inference.engines import Tuning, load_model
from moodmill.worker.inference.repository import ModelFiles, find_model
from moodmill.worker.inference.segments import MAX_SEGMENT, pool
from moodmill.worker.inference.suitability import Suitability
from moodmill.worker.inference.tokens import Segment, TextTokenizer
from moodmill.worker.inference.torch_model import choose_device, padded_logits
from moodmill.worker.inference.tuning import tuned

#: Texts that a peer runs before it is timed.
WARM_UP: Final = 32

Result = Figures | Unmeasured
OnStep = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is measured, and on what."""

    source: Path
    comments: int
    settings: WorkerSettings
    peers: Sequence[str] = ()
    #: A store that the rows of the whole way go into; None: an SQLite file that is deleted afterwards.
    store_url: str | None = None
    workers: int = 1
    #: Only the whole way, with a null model for tokenizer and model that costs so much a character.
    null_microseconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    results: list[Result]
    #: How our model was run; None where a null model was.
    tuning: Tuning | None = None
    #: Floating-point operations a second of a matrix product of the model's own shapes, in its precision.
    product_flops: float | None = None
    #: Processes that were running or ready to, on average of the minute before anything was measured.
    load: float
    #: How far the forward pass before the whole way and the one after it are apart, as a share of their mean.
    spread: float | None = None
    #: What the host spends beside the model; None where nothing but a null model was measured.
    host: Host | None = None

    @property
    def best_peer(self) -> Figures | None:
        """The fastest peer."""
        peers = [one for one in self.results if isinstance(one, Figures) and one.name in PEERS]
        return max(peers, key=lambda one: one.rate, default=None)

    @property
    def whole(self) -> Figures | None:
        """The whole way, unless a null model went it."""
        return next((one for one in self.results if isinstance(one, Figures) and one.name == WHOLE), None)


def compare(plan: Plan, on_step: OnStep) -> Comparison:
    """Measure everything of a plan, one after the other. `on_step` gets what is measured. Raises MoodmillError."""
    load = os.getloadavg()[0]
    comments = read_comments(plan.source, plan.comments)
    with tempfile.TemporaryDirectory(prefix="moodmill-bench-") as name:
        folder = Path(name)
        dump = folder / "RC_bench.ndjson"
        write_dump(dump, repeated(comments, plan.comments))
        if plan.null_microseconds is not None:
            on_step(f"the whole way without a model, {plan.workers} workers")
            return Comparison(results=[_whole(plan, dump, folder)], load=load)
        measured = [*repeated(comments, plan.comments)]
        texts = [one.text for one in measured]
        device = plan.settings.moodmill_device
        files = find_model(plan.settings)
        tuning = apart(tuned, files, plan.settings)
        on_step("the model alone")
        before = apart(_model_alone, files, tuning, plan.settings, texts, exactly=True)
        on_step("reading, messages, writing, and the whole way without a model")
        beside, without_model = measure_without_model(comments, max(plan.comments, HOST_COMMENTS), folder)
        on_step("the whole way")
        whole = _whole(plan, dump, folder)
        on_step("the model alone, once more")
        after = apart(_model_alone, files, tuning, plan.settings, texts, exactly=False)
        forward, whole = _mean(before.forward, after.forward), replace(whole, engine=before.forward.engine)
        alone = [*beside, before.tokenized, before.told_language, before.batched, forward]
        host = host_cost({one.name: one for one in alone}, without_model)
        results: list[Result] = [*alone, without_model, whole]
        results += _peers(plan.peers, files, device, texts, on_step)
        product = (before.product_flops + after.product_flops) / 2
        spread = abs(before.forward.seconds - after.forward.seconds) / forward.seconds
        return Comparison(results=results, tuning=tuning, product_flops=product, load=load, spread=spread, host=host)


@dataclass(frozen=True, kw_only=True)
class _Alone:
    """The stages that need no store and no broker, and a matrix product beside them."""

    tokenized: Figures
    told_language: Figures
    batched: Figures
    forward: Figures
    product_flops: float


def _mean(before: Figures, after: Figures) -> Figures:
    """Put two measurements of one thing together, on either side of what it is compared with.

    A shared machine is not as fast at all times.
    """
    seconds = (before.seconds + after.seconds) / 2
    flops = None if before.flops is None else before.flops * before.seconds / seconds
    return replace(before, seconds=seconds, flops=flops)


def _model_alone(
    files: ModelFiles, tuning: Tuning, settings: WorkerSettings, texts: Sequence[str], *, exactly: bool
) -> _Alone:
    """Measure the model; `exactly` also how far it is from plain transformers in fp32."""
    device = choose_device(settings.moodmill_device)
    model = load_model(files, settings, tuning)
    tokenizer = TextTokenizer(files.folder, model.max_tokens)
    tokenized, encoded = stages.tokenize(tokenizer, texts)
    told_language = stages.tell_language(Suitability(language=files.language), texts)
    batched, batches = stages.batch(encoded, tuning.batch_tokens, pads=model.pads)
    dtype = torch.float32 if model.engine.precision == "fp32" else torch.bfloat16
    config = AutoConfig.from_pretrained(files.folder)
    shape = (device, dtype, tuning.batch_tokens, config.hidden_size, 4 * config.hidden_size)
    before = product_rate(*shape)
    forward, found = stages.forward(
        model,
        len(texts),
        batches,
        lambda lengths: stages.forward_flops(config, lengths, only_first=stages.only_first(model, config)),
    )
    product = (before + product_rate(*shape)) / 2
    forward = replace(forward, engine=f"{model.engine.name} {model.device} {model.engine.precision}")
    if exactly:
        largest, mean = _differences(files, device, batches, found, tokenizer.pad_id)
        forward = replace(forward, difference=largest, mean_difference=mean)
    return _Alone(
        tokenized=tokenized, told_language=told_language, batched=batched, forward=forward, product_flops=product
    )


def _differences(
    files: ModelFiles,
    device: torch.device,
    batches: Sequence[Sequence[Segment]],
    found: Mapping[int, NDArray[np.float32]],
    pad_id: int,
) -> tuple[float, float]:
    """Return how far probabilities, by the identity of their segments, are from plain transformers in fp32.

    The largest difference, and the mean of all.
    """
    exact = plain(files, device)
    columns = emotion_columns(exact, files)
    differences = []
    with torch.inference_mode():
        for batch in batches:
            logits = padded_logits(exact, [one.ids for one in batch], pad_id)
            wanted = torch.sigmoid(logits[:, columns]).cpu().numpy()
            differences.append(np.abs(wanted - [found[id(one)] for one in batch]))
    every = np.concatenate(differences)
    return float(every.max()), float(every.mean())


def _whole(plan: Plan, dump: Path, folder: Path) -> Figures:
    store = Store(plan.store_url or f"sqlite:///{folder}/bench.db")
    store.prepare()
    try:
        return whole_way(dump, plan.comments, store, workers=plan.workers, null_microseconds=plan.null_microseconds)
    finally:
        store.close()


def _peers(
    names: Sequence[str], files: ModelFiles, device: str, texts: Sequence[str], on_step: OnStep
) -> Iterator[Result]:
    if names:
        on_step("plain transformers, for the differences")
        _, exact = apart(_peer, "pipeline, batch 1", files, device, texts)
    for name in names:
        on_step(name)
        try:
            figures, found = apart(_peer, name, files, device, texts)
        except Exception as error:  # noqa: BLE001 - a peer that fails is a row that says so
            yield Unmeasured(name=name, why=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
        else:
            every = np.abs(found - exact)
            yield replace(figures, difference=float(every.max()), mean_difference=float(every.mean()))


def _peer(name: str, files: ModelFiles, device: str, texts: Sequence[str]) -> tuple[Figures, NDArray[np.float32]]:
    """Time one peer on texts, which it is given in the model's segments; return its probabilities too."""
    classify = PEERS[name](files, choose_device(device))
    tokenizer = TextTokenizer(files.folder, MAX_SEGMENT)
    segments, counts = tokenizer.cut(texts)
    classify(segments[:WARM_UP])
    begun = time.perf_counter()
    found = pool(classify(segments), counts, tokenizer.segmentation.pooling)
    seconds = time.perf_counter() - begun
    return Figures(name=name, comments=len(texts), seconds=seconds, memory_mib=peak_memory_mib()), found
