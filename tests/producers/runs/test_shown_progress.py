"""The progress of a run, as people see it: on a terminal, and where none is."""

from io import StringIO

from rich.console import Console

from moodmill.progress import shown_progress
from tests.producers.runs.builders import progress

HALF = progress(
    classified=12_400, comments_per_s=303.4, left_s=71.0, tokens_per_s=14_300.0, model_share=0.98, waits_for="model"
)
LINE = "labelling: 50%, 12,400 comments, 303/s, 14,300 tokens/s, 98% of the limit, waits for model, ETA 0:01:11"
EARLY = {"labelling_s": None, "classified": 0}


def test_without_a_terminal_a_plain_line_comes_now_and_then_and_one_at_the_end() -> None:
    console = Console(file=StringIO(), width=20)
    with shown_progress(console, own_worker=True, line_s=0.0) as show:
        show(progress(phase="reading", **EARLY))
        show(progress(phase="measuring", **EARLY))
        show(HALF)
    said = ["reading: 50%", "measuring this processor, once", LINE, LINE]
    assert console.file.getvalue().splitlines() == said  # type: ignore[attr-defined]


def test_what_takes_no_minute_says_one_line_without_a_terminal_and_nothing_where_nothing_was_read() -> None:
    console = Console(file=StringIO())
    with shown_progress(console, own_worker=True):
        pass
    assert console.file.getvalue() == ""  # type: ignore[attr-defined]
    with shown_progress(console, own_worker=True) as show:
        show(HALF)
        show(HALF)
    assert console.file.getvalue().splitlines() == [LINE]  # type: ignore[attr-defined]


def test_a_terminal_shows_the_phase_and_the_clock_of_the_labelling_alone() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=160)
    with shown_progress(console, own_worker=True) as show:
        show(progress(phase="starting", **EARLY))
    assert "starting" in console.file.getvalue()  # type: ignore[attr-defined]
    assert "0:00:0" not in console.file.getvalue()  # type: ignore[attr-defined]
    with shown_progress(console, own_worker=True) as show:
        show(HALF)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "303/s 0:00:01" in shown
    assert "ETA 0:01:11" in shown
    assert "14,300 tokens/s, 98% of the limit, waits for model" in shown
