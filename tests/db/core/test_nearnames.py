"""What a filter that passes nothing says: which names were there instead."""

import random

from moodmill.db.core.nearnames import LIMIT, MAX_LENGTH, NearNames, near, nothing_of

SEEN = {"python": 1_200, "Python": 34, "AskReddit": 50_000, "Python3": 3, "news": 900, "": 7, "cats": 10}


def test_near_names_come_nearest_first_each_in_its_commonest_spelling() -> None:
    assert near({"pyhton"}, SEEN) == ["python", "Python3"]
    assert near({"r/ask_reddit"}, SEEN) == ["AskReddit"]
    assert near({"@Kats", "pyhton"}, SEEN, most=2) == ["cats", "python"]
    assert near({"zebra"}, SEEN) == []
    assert near({"python"}, {}) == []


def test_a_line_says_what_is_near() -> None:
    said = nothing_of("subreddit", {"pyhton"}, SEEN)
    assert said == "no record is of subreddit 'pyhton': near it are python (1,234), Python3 (3)"
    assert nothing_of("author", {"kats"}, {"cats": 1}) == "no record is of author 'kats': near it is cats (1)"


def test_where_nothing_is_near_it_says_what_is_frequent() -> None:
    said = nothing_of("subreddit", {"zebra", "y", "x", "w"}, SEEN, "no comments are")
    assert said == (
        "no comments are of the subreddits 'w', 'x', 'y' and 1 more: "
        "the most frequent are AskReddit (50,000), python (1,234), news (900)"
    )


def test_where_no_record_has_a_name_it_says_so() -> None:
    assert nothing_of("author", {"ann"}, {"": 5}) == "no record is of author 'ann': none has any author"
    assert nothing_of("author", {"ann"}, {}) == "no record is of author 'ann'"


def test_names_are_counted_over_chunks_and_interruptions() -> None:
    first, second = NearNames(), NearNames()
    for name in ("cats", "Cats", None, "cats"):
        first.add(name)
    second.merge(first.seen)
    second.add("dogs", 5)
    assert NearNames(second.seen).seen == {"cats": 2, "Cats": 1, "": 1, "dogs": 5}


def test_memory_is_bounded_and_frequent_names_are_kept_with_their_counts() -> None:
    dice, names = random.Random(1), NearNames()
    frequent = {f"often {n}": 0 for n in range(20)}
    for n in range(5 * LIMIT):
        names.add(f"seldom {n}")
        name = f"often {dice.randrange(20)}"
        names.add(name)
        frequent[name] += 1
    names.add("x" * 10_000)
    names.add("x" * 10_000)
    assert len(names.seen) <= LIMIT
    assert {name: names.seen[name] for name in frequent} == frequent
    assert max(map(len, names.seen)) == MAX_LENGTH
    assert names.seen["x" * MAX_LENGTH] == 2


def test_what_is_kept_in_the_store_is_little_and_holds_what_is_near() -> None:
    names = NearNames({f"sub{n}": 1_000 - n for n in range(900)} | {"pyton": 1, "": 4_000})
    kept = names.kept({"python"}, 6)
    assert len(kept) <= 6
    assert kept["pyton"] == 1
    assert (kept[""], kept["sub0"]) == (4_000, 1_000)
    assert near({"python"}, kept) == ["pyton"]


def test_of_thousands_of_names_that_are_asked_for_few_are_compared() -> None:
    asked = {f"name {n}" for n in range(5_000)}  # all would take minutes
    assert near(asked, {"nane 0": 2} | {f"{n:05}": 1 for n in range(LIMIT)}) == ["nane 0"]
