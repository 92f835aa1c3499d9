"""One spelling of names: what is stored, and what is compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodmill.db.core.names import author_key, author_name, spellings, split_names, subreddit_key, subreddit_name


@pytest.mark.parametrize(
    "written",
    [
        "AskReddit",
        "r/AskReddit",
        "R/AskReddit",
        "/r/AskReddit",
        "/r/AskReddit/",
        "r/AskReddit/",
        " AskReddit\r",
        "\ufeffr/AskReddit",
        "AskReddit\u200b",
        "\u2066AskReddit\u2069",
        "https://www.reddit.com/r/AskReddit/",
        "http://old.reddit.com/r/AskReddit",
        "HTTPS://WWW.REDDIT.COM/r/AskReddit",
        "https://www.reddit.com/r/AskReddit/comments/abc12/what_is/?sort=new#top",
        "https://reddit.com/r/AskReddit?f=1",
        "www.reddit.com/r/AskReddit",
        "//np.reddit.com/r/AskReddit",
        "/r/AskReddit/comments/abc12/_/k0/",
    ],
)
def test_a_subreddit_is_stored_by_its_bare_name_and_compared_in_small_letters(written: str) -> None:
    assert subreddit_name(written) == "AskReddit"
    assert subreddit_key(written) == "askreddit"


@pytest.mark.parametrize(
    "written",
    ["Some-One_", "u/Some-One_", "/u/Some-One_", "/user/Some-One_/", "https://old.reddit.com/user/Some-One_/comments"],
)
def test_so_is_an_author(written: str) -> None:
    assert author_name(written) == "Some-One_"
    assert author_key(written) == "some-one_"


@pytest.mark.parametrize("written", ["u_Ann", "u/Ann", "/user/Ann", "https://www.reddit.com/user/Ann/comments/x"])
def test_the_page_of_a_user_is_the_subreddit_that_dumps_call_it(written: str) -> None:
    assert subreddit_name(written) == "u_Ann"
    assert subreddit_key(written) == "u_ann"


@pytest.mark.parametrize(
    "name",
    [
        "reddit.com",
        "and/or",
        "r",
        "Smith, John",
        "r/two words",
        "bob@example.org",
        "https://example.org/u/ann",
        "user/17",
        "https://notreddit.community/r/x",
        "Ann \U0001f469\u200d\U0001f680 B",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    ],
)
def test_other_names_are_stored_as_they_are(name: str) -> None:
    assert subreddit_name(name) == author_name(name) == name


def test_handles_are_stored_with_their_sign_and_compared_without() -> None:
    assert author_name("@User0") == "@User0"
    assert author_key("@User0") == author_key("user0") == "user0"
    assert author_key("@ann@example.org") == "ann@example.org"
    assert subreddit_key("/cats/") == "cats"


def test_names_of_all_alphabets_are_compared_in_small_letters() -> None:
    assert author_key("u/\u00dcNAL") == author_key(" \u00fcnal") == "\u00fcnal"
    assert subreddit_key("\u041f\u0438\u043a\u0430\u0431\u0443") == "\u043f\u0438\u043a\u0430\u0431\u0443"


def test_what_names_nothing_is_empty() -> None:
    for written in ("", "  ", "\ufeff", "@", "//", "r/", "/u/", "https://www.reddit.com/r/"):
        assert subreddit_key(written) == author_key(written) == ""


def test_names_stand_with_commas_between() -> None:
    assert [name.strip() for name in split_names(["a, b", "c", ""])] == ["a", "b", "c", ""]


def test_older_rows_are_known_by_each_spelling() -> None:
    assert {"python", "r/python", "/r/python", "/r/python/", "@python"} <= spellings(["python"])
    assert "u/ann" in spellings(["u_ann"])


_WRITTEN = st.text(st.sampled_from("ru/@_- aB\ufeff\u00c9.?#:") | st.characters(exclude_categories=["Cs"]), max_size=12)


@given(_WRITTEN)
def test_a_key_is_its_own_key_and_that_of_the_name_which_is_stored(written: str) -> None:
    for name, key in ((subreddit_name, subreddit_key), (author_name, author_key)):
        assert key(key(written)) == key(written)
        assert key(name(written)) == key(written)
        assert name(name(written)) == name(written)
