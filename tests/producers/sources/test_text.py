"""Texts that every store takes."""

import pytest

from moodmill.db.core.text import clean
from moodmill.producers.sources.text import (
    REMOVED_TITLE,
    comment_id,
    comment_text,
    gone,
    is_null_word,
    join_post,
)


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
    [
        ("a &gt; b &amp; c &AMP;", "a > b & c &"),
        ("&#39;&#x27;&#X27;&#0000000039;", "''''"),
        ("&#0;", "\ufffd"),
        ("&#x110000;", "\ufffd"),
        ("&#xD83D;", "\ufffd"),
        ("&#xD83D;&#xDE00; &#55357;&#56832;", "😀 😀"),
        ("&#x99;", "™"),
        ("AT&T &nosuch;", "AT&T &nosuch;"),
        ("&CounterClockwiseContourIntegral;", "∳"),
        ("&" + "a" * 99 + ";", "&" + "a" * 99 + ";"),
        ("&#" + "9" * 5000 + ";", "&#" + "9" * 5000 + ";"),
    ],
)
def test_comment_text_undoes_entities_before_it_cleans(raw: str, text: str) -> None:
    assert comment_text(raw) == text


@pytest.mark.parametrize(
    "text",
    [
        "/buy?a=1&copy=2&lt=3",
        "&notit;",
        "R&D, Q&A;",
        "&amp",
        "&#39",
        "&#x200B",
        "& lt;",
        "&;",
        "&#;",
        "&#x;",
        "&#\uff11;",
    ],
)
def test_what_is_no_whole_entity_stays(text: str) -> None:
    assert comment_text(text) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("so &amp;lt;3 it&amp;#39;s", "so <3 it's"),
        ("a&amp;nbsp;b", "a\xa0b"),
        ("&amp;#x200B;", "\u200b"),
        ("x &amp;amp; y", "x & y"),
        ("Q&amp;A; R&amp;D", "Q&A; R&D"),
        # A reader was to see the entity itself.
        ("write &amp;amp;lt; for <", "write &lt; for <"),
    ],
)
def test_the_entities_that_a_person_typed_are_undone_below_those_of_reddit(raw: str, text: str) -> None:
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
        (
            "[ Removed by reddit on account of violating the [content policy](/help/contentpolicy). ]",
            "removed",
        ),
        ("[removed by reddit]", "removed"),
        ("[ Removed by moderator ]", "removed"),
        ("[removed by the mods]", "removed"),
        ("[Deleted]", "deleted"),
        ("[ deleted   by\nuser ]", "deleted"),
        ("[comment deleted by user]", "deleted"),
        ("[unavailable]", "unavailable"),
        ("[removed]\u200b", "removed"),
        ("\ufeff\xa0[deleted]\xa0", "deleted"),
        (r"\[removed\]", "removed"),
        ("**[removed]**", "removed"),
        ("[deleted]" + " " * 999, "deleted"),
        ("[deleted scene] was great", None),
        ("[deleted scene]", None),
        ("[removed by reddit] and [rightly so]", None),
        ("[removed by reddit lol] and [rightly so]", None),
        ("[removed by reddit, lol]", None),
        ("[unavailable] again?", None),
        ("[deleted] [removed]", None),
        ("[deleted](http://example.org)", None),
        ("[[deleted]]", None),
        ("deleted", None),
        ("removed by reddit", None),
        ("[removed by reddit " + "x" * 999 + "]", None),
        ("[" * 99 + "]" * 99, None),
        ("[removed] by whom?", None),
        ("why [deleted]", None),
        ("[link](http://example.org)", None),
        ("", None),
    ],
)
def test_a_text_is_gone_only_if_it_is_reddits_marker(text: str, reason: str | None) -> None:
    assert gone(text) == reason


@pytest.mark.parametrize(
    ("title", "text", "joined", "reason", "stands"),
    [
        ("Title", "Body", "Title\n\nBody", None, False),
        ("Title", "", "Title", None, False),
        ("Title", " \u200b\n", "Title", None, False),
        ("", "Body", "Body", None, False),
        ("Title", "[removed]", "Title", "removed", True),
        ("Title", "[unavailable]", "Title", "unavailable", True),
        ("[deleted by user]", "[removed]", "[removed]", "removed", False),
        ("\u200b", "[removed]", "[removed]", "removed", False),
        ("[deleted by user]", "", "[deleted by user]", "deleted", False),
        ("[ Removed by moderator ]", "I am back", "I am back", None, False),
        ("", "", "", None, False),
    ],
)
def test_a_post_is_what_can_be_seen_of_its_title_and_text(
    title: str, text: str, joined: str, reason: str | None, stands: bool
) -> None:
    assert join_post(title, text) == (joined, reason, (REMOVED_TITLE,) if stands else ())
    assert join_post(title, text, removed_titles=True) == (joined, None if stands else reason, ())


@pytest.mark.parametrize(
    "word", ["NULL", "null", r"\N", "NaN", "nan", "None", "N/A", "<NA>", "#N/A", " NULL ", "(null)"]
)
def test_words_that_programs_write_for_null_are_known(word: str) -> None:
    assert is_null_word(word)


@pytest.mark.parametrize("text", ["", "none", "nil", "na", "no", "NULL and void", "None.", "nah", "-", "0"])
def test_words_that_people_write_are_no_null(text: str) -> None:
    assert not is_null_word(text)
