"""Texts that every store takes, times whatever way they are written."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from producers.sources.text import clean, comment_id, comment_text, gone, parse_time


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("plain", "plain"),
        ("", ""),
        ("naïve 😀", "naïve 😀"),
        ("a\0b", "a\ufffdb"),
        ("é\0", "é\ufffd"),
        ("a\ud83db", "a\ufffdb"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("\ud83d\ude00", "😀"),
        ("\ud83d\ude00 and \ud83d", "😀 and \ufffd"),
    ],
)
def test_clean_leaves_no_nul_and_no_lone_surrogate(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned
    assert clean(raw).encode().decode() == cleaned


@pytest.mark.parametrize(
    ("raw", "text"),
    [("a &gt; b &amp; c", "a > b & c"), ("&#0;", "\ufffd"), ("&#xD83D;", "\ufffd"), ("AT&T &nosuch;", "AT&T &nosuch;")],
)
def test_comment_text_undoes_entities_before_it_cleans(raw: str, text: str) -> None:
    assert comment_text(raw) == text


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("t1_abc", "abc"),
        ("abc", "abc"),
        ("t1_9", "9"),
        ("t3_abc", "t3_abc"),
        ("T1_abc", "T1_abc"),
        ("t1_", "t1_"),
        ("t1__a", "t1__a"),
        ("t1_ a", "t1_ a"),
        ("xt1_a", "xt1_a"),
        ("t1_t1_a", "t1_a"),
        (f"t1_{'a' * 300}", "a" * 300),
    ],
)
def test_a_comment_has_one_id_with_reddits_prefix_and_without(raw: str, name: str) -> None:
    assert comment_id(raw) == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[deleted]", "deleted"),
        (" [deleted]\n", "deleted"),
        ("[deleted by user]", "deleted"),
        ("[removed]", "removed"),
        ("[ Removed by Reddit ]", "removed"),
        ("[ Removed by Reddit in response to a copyright notice. ]", "removed"),
        ("[removed] by whom?", None),
        ("why [deleted]", None),
        ("[link](http://example.org)", None),
        ("", None),
    ],
)
def test_a_text_is_gone_only_if_it_is_reddits_marker(text: str, reason: str | None) -> None:
    assert gone(text) == reason


MOMENT = datetime(2015, 11, 3, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        1446553800,
        1446553800.0,
        "1446553800",
        " 1446553800 ",
        "1446553800.0",
        "1.4465538e9",
        "2015-11-03T12:30:00",
        "2015-11-03T12:30:00Z",
        "2015-11-03 13:30:00+01:00",
        "2015-11-03 12:30:00 UTC",
        datetime(2015, 11, 3, 12, 30),
        datetime(2015, 11, 3, 14, 30, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_time_is_read_as_utc(value: object) -> None:
    assert parse_time(value) == MOMENT
    assert getattr(parse_time(value), "tzinfo", None) is UTC


def test_a_date_is_its_first_moment() -> None:
    assert parse_time("2015-11-03") == parse_time(date(2015, 11, 3)) == datetime(2015, 11, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        "",
        "soon",
        "1_000",
        "nan",
        "inf",
        "1e999",
        float("nan"),
        float("inf"),
        10**30,
        "9" * 5000,
        1446553800000000,
        "0001-01-01T00:00:00+14:00",
        [1446553800],
    ],
)
def test_what_is_no_time_is_none(value: object) -> None:
    assert parse_time(value) is None
