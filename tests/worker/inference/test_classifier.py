"""Threads hand texts in, one model thread classifies them: each gets its own, and a fault costs only its text."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from moodmill.worker.inference.classifier import DEAD_MODEL_STATUS, TOKENIZED_AT_ONCE, Classifier
from moodmill.worker.inference.tokens import TextTokenizer, TokenIds
from moodmill.worker.inference.torch_model import TorchModel
from tests.support import clean_environment, wait_until
from tests.worker.builders import POISON, TEXTS, load, load_as, make_poisoned, plain_probabilities, plain_tokenizer
from tests.worker.faulty import Allergic, Counted, Cramped, Shared, Watched


@contextmanager
def running(model: TorchModel, folder: Path, batch_tokens: int = 2048, lanes: int = 1) -> Iterator[Classifier]:
    model.lanes = lanes  # type: ignore[misc]
    tokenizer = TextTokenizer(folder, model.max_tokens)
    with Classifier(model, tokenizer, batch_tokens) as classifier:
        yield classifier


def some_texts(count: int, start: int = 0) -> list[str]:
    """Texts of many lengths, no two alike."""
    return [f"this is {n} " + "so " * (n * 7 % 40) for n in range(start, start + count)]


def close(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> None:
    np.testing.assert_allclose(found, wanted, atol=1e-5, rtol=0)


def test_results_come_in_the_order_of_the_texts(tiny_model: Path) -> None:
    texts = [*some_texts(30), "love " * 600]
    with running(load(tiny_model), tiny_model) as classifier:
        outcome = classifier.classify(texts)
    close(outcome.probabilities, plain_probabilities(tiny_model, texts))
    plain = plain_tokenizer(tiny_model)
    assert outcome.segments.tolist() == [1] * 30 + [2]
    own = [len(plain(text, add_special_tokens=False)["input_ids"]) for text in texts]
    assert outcome.tokens.tolist() == (np.array(own) + 2 * outcome.segments).tolist()
    assert not outcome.truncated.any()
    assert outcome.errors == {}


def test_chunks_are_tokenized_few_at_a_time_so_that_the_first_is_done_early(tiny_model: Path) -> None:
    class Slow(TextTokenizer):
        most, now = 0, 0
        lock, others = threading.Lock(), threading.Event()

        def encode(self, texts: Sequence[str]) -> list[TokenIds]:
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            self.others.wait(0.05)  # the others have time to come in, if they may
            with self.lock:
                self.now -= 1
            return super().encode(texts)

    model = load(tiny_model)
    tokenizer = Slow(tiny_model, model.max_tokens)
    with Classifier(model, tokenizer, 2048) as classifier, ThreadPoolExecutor(8) as pool:
        outcomes = [*pool.map(classifier.classify, [[text] for text in TEXTS] * 4)]
    assert tokenizer.most == TOKENIZED_AT_ONCE
    assert not any(outcome.errors for outcome in outcomes)


def test_a_text_over_the_limit_of_tokens_is_read_as_far_as_that(tiny_model: Path) -> None:
    model = load(tiny_model)
    with Classifier(model, TextTokenizer(tiny_model, model.max_tokens, max_tokens=20), 2048) as classifier:
        outcome = classifier.classify(["love " * 30, "love " * 18])
    assert outcome.truncated.tolist() == [True, False]
    close(outcome.probabilities, plain_probabilities(tiny_model, ["love " * 18] * 2))


def test_a_text_fails_where_one_of_its_segments_does(tiny_model: Path) -> None:
    model = load_as(Allergic, tiny_model)
    model.bad_token = plain_tokenizer(tiny_model).get_vocab()[POISON]
    with running(model, tiny_model) as classifier:
        outcome = classifier.classify(["thanks", "love " * 600 + POISON, "thanks " * 600, POISON])
    assert [*outcome.errors] == [1, 3]
    close(outcome.probabilities[[0, 2]], plain_probabilities(tiny_model, ["thanks", "thanks " * 600]))


def test_each_of_many_threads_gets_its_own_results(tiny_model: Path) -> None:
    chunks = [some_texts(1 + n % 5, start=n * 10) for n in range(24)]
    with running(load(tiny_model), tiny_model, 256) as classifier, ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(classifier.classify, chunks))
    for texts, outcome in zip(chunks, outcomes, strict=True):
        close(outcome.probabilities, plain_probabilities(tiny_model, texts))


def test_micro_batches_form_across_threads(tiny_model: Path) -> None:
    model, tokenizer = load_as(Watched, tiny_model), Counted(tiny_model, 512)
    with Classifier(model, tokenizer, 2048) as classifier, ThreadPoolExecutor(9) as pool:
        model.may_run.clear()
        first = pool.submit(classifier.classify, ["i"])
        wait_until(lambda: model.batches == [1])
        others = [pool.submit(classifier.classify, [text]) for text in some_texts(8)]
        wait_until(lambda: tokenizer.texts == 9)
        model.may_run.set()
        first.result(60)
        found = np.concatenate([one.result(60).probabilities for one in others])
    close(found, plain_probabilities(tiny_model, some_texts(8)))
    assert sum(model.batches) == 9
    assert max(model.batches) > 1, "texts of several threads ran together"


def test_nothing_but_the_model_thread_has_computed_with_the_model_and_lives(tiny_model: Path) -> None:
    # each thread that did keeps OpenMP threads, which slow down those of the model thread
    threads: set[threading.Thread] = set()

    class Noted(Watched):
        def probabilities(self, ids: Sequence[Sequence[int]], pad_id: int) -> NDArray[np.float32]:
            threads.add(threading.current_thread())
            return super().probabilities(ids, pad_id)

    with running(load_as(Noted, tiny_model), tiny_model) as classifier:
        classifier.warm_up()
        classifier.classify(TEXTS)
        assert {one.name for one in threads if one.is_alive()} == {"model"}


def test_micro_batches_keep_to_the_budget(tiny_model: Path) -> None:
    model = load_as(Watched, tiny_model)
    with running(model, tiny_model, batch_tokens=10) as classifier:
        classifier.classify([f"i {word} this" for word in ("love", "hate", "so", "much", "thanks", "i")])  # five tokens
    assert model.batches == [2, 2, 2]


def test_texts_that_are_equal_are_classified_once(tiny_model: Path) -> None:
    model = load_as(Watched, tiny_model)
    texts = ["thanks", "i love this", "thanks", "", "thanks"]
    with running(model, tiny_model) as classifier:
        outcome = classifier.classify(texts)
    assert model.batches == [3]
    close(outcome.probabilities, plain_probabilities(tiny_model, texts))
    assert outcome.tokens.tolist() == [3, 5, 3, 2, 3]
    assert outcome.truncated.tolist() == [False] * 5
    assert len(outcome.segments) == len(outcome.unsupported) == 5


def test_texts_that_are_equal_fail_together(tiny_model: Path) -> None:
    model = load_as(Allergic, tiny_model)
    model.bad_token = plain_tokenizer(tiny_model).get_vocab()[POISON]
    with running(model, tiny_model) as classifier:
        outcome = classifier.classify(["thanks", POISON, "thanks", POISON])
    assert list(outcome.errors) == [1, 3]


def test_a_text_the_model_cannot_bear_costs_only_itself(tiny_model: Path) -> None:
    model = load_as(Allergic, tiny_model)
    model.bad_token = plain_tokenizer(tiny_model).get_vocab()[POISON]
    texts = some_texts(20)
    texts[3] = texts[17] = f"so much {POISON}"
    with running(model, tiny_model) as classifier:
        outcome = classifier.classify(texts)
        after = classifier.classify(["i love this"])
    assert outcome.errors == dict.fromkeys((3, 17), "IndexError: index out of range in self")
    assert np.isnan(outcome.probabilities[[3, 17]]).all()
    good = [row for row in range(20) if row not in (3, 17)]
    close(outcome.probabilities[good], plain_probabilities(tiny_model, [texts[row] for row in good]))
    assert not after.errors


def test_an_error_reaches_the_thread_whose_text_it_is(tiny_model: Path, tmp_path: Path) -> None:
    folder = make_poisoned(tmp_path / "poisoned", tiny_model)
    chunks = [[f"so much {POISON}"], *([text] for text in some_texts(7))]
    with running(load(folder), folder) as classifier, ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(classifier.classify, chunks))
    assert [list(outcome.errors) for outcome in outcomes] == [[0]] + [[]] * 7


def test_probabilities_that_are_no_numbers_are_an_error_of_their_text_alone(tiny_model: Path, tmp_path: Path) -> None:
    folder = make_poisoned(tmp_path / "poisoned", tiny_model)
    texts = ["i love this", POISON, "thanks"]
    with running(load(folder), folder) as classifier:
        outcome = classifier.classify(texts)
    assert list(outcome.errors) == [1]
    assert "non-finite" in outcome.errors[1]
    close(outcome.probabilities[[0, 2]], plain_probabilities(tiny_model, ["i love this", "thanks"]))


def test_a_model_that_gives_no_numbers_fails_its_warm_up(tiny_model: Path, tmp_path: Path) -> None:
    folder = make_poisoned(tmp_path / "poisoned", tiny_model)
    model = load(folder)
    with torch.no_grad():
        for weights in model._model.parameters():
            weights.fill_(torch.nan)
    with running(model, folder) as classifier, pytest.raises(RuntimeError, match="non-finite"):
        classifier.warm_up()


def test_out_of_memory_halves_the_budget_and_every_text_succeeds(tiny_model: Path) -> None:
    model = load_as(Cramped, tiny_model)
    texts = some_texts(60)
    with running(model, tiny_model, batch_tokens=512) as classifier:
        outcome = classifier.classify(texts)
        assert model.refused > 0
        refused_at_first, model.refused = model.refused, 0
        again = classifier.classify(texts)
    assert refused_at_first <= 8, "each refusal halves the budget: 512 fits 64 soon"
    assert model.refused == 0, "the smaller budget stays"
    for one in (outcome, again):
        assert one.errors == {}
        close(one.probabilities, plain_probabilities(tiny_model, texts))


def test_what_was_cut_before_memory_ran_out_is_cut_smaller_before_it_runs(tiny_model: Path) -> None:
    model = load_as(Cramped, tiny_model)
    with running(model, tiny_model, batch_tokens=80) as classifier:
        outcome = classifier.classify(some_texts(60))
        assert model.refused == 1
        assert "micro-batches of 40 tokens" in str(classifier)
    assert outcome.errors == {}


def test_two_model_threads_run_micro_batches_at_once_and_mix_up_nothing(tiny_model: Path) -> None:
    model = load_as(Watched, tiny_model)
    texts = [f"{text} {number}" for number in range(20) for text in TEXTS]
    with running(model, tiny_model, batch_tokens=40, lanes=2) as classifier, ThreadPoolExecutor(4) as pool:
        model.may_run.clear()
        first = pool.submit(classifier.classify, texts)
        wait_until(lambda: len(model.batches) == 2)
        model.may_run.set()
        others = [pool.submit(classifier.classify, texts) for _ in range(3)]
        outcomes = [one.result(60) for one in (first, *others)]
    for outcome in outcomes:
        close(outcome.probabilities, plain_probabilities(tiny_model, texts))


def test_memory_that_does_not_hold_two_micro_batches_gets_one_at_a_time(tiny_model: Path) -> None:
    model = load_as(Shared, tiny_model)
    texts = some_texts(60)
    with running(model, tiny_model, batch_tokens=64, lanes=2) as classifier, ThreadPoolExecutor(1) as pool:
        model.may_run.clear()
        found = pool.submit(classifier.classify, texts)
        wait_until(lambda: model.refused == 1)
        model.may_run.set()
        outcome = found.result(60)
        assert "micro-batches of 64 tokens" in str(classifier), "each alone fits"
    assert model.refused == 1
    assert outcome.errors == {}
    close(outcome.probabilities, plain_probabilities(tiny_model, texts))


def test_what_ran_out_of_memory_is_let_go_before_the_smaller_batches_run(tiny_model: Path) -> None:
    model = load_as(Cramped, tiny_model)
    with running(model, tiny_model, batch_tokens=512) as classifier:
        classifier.classify(some_texts(60))
    assert model.scratch
    assert model.held_at_retry == 0


def test_no_texts_are_an_empty_outcome(tiny_model: Path) -> None:
    with running(load(tiny_model), tiny_model) as classifier:
        outcome = classifier.classify([])
    assert outcome.probabilities.shape == (0, 27)
    assert len(outcome.tokens) == len(outcome.truncated) == len(outcome.errors) == 0


def test_leaving_finishes_what_waits(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "moodmill.worker.inference.microbatch.MAX_WAIT_S", 1.0
    )  # so that texts do wait when the classifier is left
    model, tokenizer = load_as(Watched, tiny_model), Counted(tiny_model, 512)
    found = {}
    with Classifier(model, tokenizer, 2048) as classifier:

        def ask(text: str) -> None:
            found[text] = classifier.classify([text]).probabilities

        threads = [threading.Thread(target=ask, args=(text,), daemon=True) for text in TEXTS[:3]]
        for thread in threads:
            thread.start()
        wait_until(lambda: tokenizer.texts == 3)
        assert model.batches == []
    for thread in threads:
        thread.join(10)
    close(np.concatenate([found[text] for text in TEXTS[:3]]), plain_probabilities(tiny_model, TEXTS[:3]))


def test_an_error_the_device_does_not_survive_ends_the_process(tiny_model: Path) -> None:
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom tests.worker.faulty import Broken, Cramped, Dying\n"
        "from tests.worker.builders import load_as\nfrom tests.worker.inference.test_classifier import running\n"
        "folder = Path(sys.argv[1])\n"
        "for kind in Cramped, Dying, Broken:\n"
        "    if os.fork() == 0:\n"  # what is imported once does for all
        "        with running(load_as(kind, folder), folder) as classifier:\n"
        "            classifier.classify(['love ' * 100])\n"
        "    print(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tiny_model)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == [str(DEAD_MODEL_STATUS)] * 3, done.stderr
    assert done.stderr.count("the model thread died") == 3
