"""Which texts a model was not made for: those of another language, and those that its tokenizer does not know."""
# ruff: noqa: RUF001 - other languages have other letters

from pathlib import Path

import pytest
from hypothesis import given

from moodmill.worker.inference.suitability import Suitability
from moodmill.worker.inference.tokens import TextTokenizer
from tests.texts import CLEAN, several
from tests.worker.builders import tokenizer_for

#: Sentences of a match that was won, and of a pizza that was bad.
FOREIGN = {
    "de": (
        "Ich kann es kaum glauben, dass wir das Spiel noch gewonnen haben!",
        "Das war ehrlich gesagt die schlimmste Pizza, die ich je gegessen habe.",
    ),
    "fr": (
        "Je n'arrive pas à croire qu'on a gagné le match hier soir !",
        "Franchement, c'était la pire pizza que j'aie jamais mangée de ma vie.",
    ),
    "es": (
        "No puedo creer que al final hayamos ganado el partido de anoche.",
        "La verdad es que fue la peor pizza que he comido en toda mi vida.",
    ),
    "it": (
        "Non riesco a credere che alla fine abbiamo vinto la partita di ieri!",
        "Sinceramente è stata la pizza peggiore che io abbia mai mangiato.",
    ),
    "pt": (
        "Não acredito que no final conseguimos ganhar o jogo de ontem à noite!",
        "Sinceramente foi a pior pizza que já comi em toda a minha vida.",
    ),
    "nl": (
        "Ik kan echt niet geloven dat we de wedstrijd nog gewonnen hebben!",
        "Eerlijk gezegd was dat de slechtste pizza die ik ooit heb gegeten.",
    ),
    "pl": (
        "Nie mogę uwierzyć, że jednak wygraliśmy wczorajszy mecz!",
        "Szczerze mówiąc, to była najgorsza pizza, jaką kiedykolwiek jadłem.",
    ),
    "sv": (
        "Jag kan inte fatta att vi faktiskt vann matchen i går kväll!",
        "Ärligt talat var det den sämsta pizzan jag någonsin har ätit.",
    ),
    "ru": (
        "Не могу поверить, что мы всё-таки выиграли вчерашний матч!",
        "Честно говоря, это была худшая пицца, которую я когда-либо ел.",
    ),
    "tr": (
        "Dün akşamki maçı sonunda kazandığımıza hâlâ inanamıyorum!",
        "Dürüst olmak gerekirse hayatımda yediğim en kötü pizzaydı bu.",
    ),
    "id": (
        "Aku tidak percaya akhirnya kita bisa memenangkan pertandingan semalam!",
        "Jujur saja itu pizza paling buruk yang pernah aku makan seumur hidup.",
    ),
    "fi": (
        "En voi uskoa, että me todella voitimme eilisen pelin lopulta!",
        "Rehellisesti sanottuna se oli huonoin pizza, jota olen koskaan syönyt.",
    ),
    "ja": (
        "昨日の試合に本当に勝ったなんて、まだ信じられないよ。",
        "正直に言うと、あれは今まで食べた中で一番ひどいピザだった。",
    ),
    "zh": (
        "我真不敢相信我们昨天晚上居然赢了那场比赛！",
        "说实话那是我这辈子吃过的最难吃的披萨。",
    ),
    "ar": (
        "لا أصدق أننا فزنا أخيرًا بمباراة الليلة الماضية بعد كل هذا!",
        "بصراحة كانت تلك أسوأ بيتزا أكلتها في حياتي كلها ولن أعود إليها.",
    ),
    "hi": (
        "मुझे विश्वास नहीं हो रहा कि हम आखिरकार कल रात का मैच जीत गए!",
        "सच कहूँ तो वह मेरी ज़िंदगी का सबसे खराब पिज़्ज़ा था, दोबारा नहीं।",
    ),
}
ENGLISH = Suitability(language="en")
ANY = Suitability(language=None)
#: The share of unknown tokens in what is known.
KNOWN = 0.0


@pytest.mark.parametrize("language", FOREIGN)
def test_a_sentence_of_another_language_is_told(language: str) -> None:
    for text in FOREIGN[language]:
        assert ENGLISH.lacks(text, KNOWN) == "language", text
        assert ENGLISH.lacks(f"{text}\x00\ufdd0 \x85{text}", KNOWN) == "language", text
        assert ANY.lacks(text, KNOWN) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lol",
        "Danke!",  # too short to be sure
        "I can't believe we won the game last night!",
        "ngl that dude was hella sus fr fr, smh my head",
        "Och aye, ye cannae be serious, I didnae ken ye were here the day",
        "HAHAHAHAHA OH MY GOD WHAT IS THIS I LOVE IT SO MUCH",
        "\N{FACE WITH TEARS OF JOY}" * 60,
        "https://example.org/r/de/kommentare/schoene-gruesse-aus-hamburg",
        "[As am I.](http://imgur.com/EviOiqqWxKjpfVT)",
        "Ok, [got it](http://i.imgur.com/IufQxzzkXwqPyfr.jpg). See www.qxzvvk.example/wkjzqr-vvyxqz/zzqwkx too",
        "def f(x): return [y ** 2 for y in range(x)]",
        "Lukaku, De Bruyne, Lewandowski and Ibrahimović all scored for their teams",
        "My grandma always said »Morgenstund hat Gold im Mund«, and I never knew what she meant by that",
        "control\x00characters\x85and\ufdd0what is no character at all in an English sentence",
    ],
)
def test_a_text_in_english_or_in_nothing_is_not_foreign(text: str) -> None:
    assert ENGLISH.lacks(text, KNOWN) is None


@several(200)
@given(text=CLEAN)
def test_any_text_gets_an_answer(text: str) -> None:
    assert ENGLISH.lacks(text, KNOWN) in (None, "language")
    assert ENGLISH.lacks(f"{FOREIGN['de'][0]} {text[:3]} {FOREIGN['de'][0]}", KNOWN) == "language"


@pytest.mark.parametrize(
    ("unknown", "expected"), [(0.0, None), (1.0, "tokens"), (1 / 2, None), (2 / 3, "tokens"), (1 / 3, None)]
)
def test_a_text_of_which_most_tokens_are_unknown_is_told(unknown: float, expected: str | None) -> None:
    for one in (ENGLISH, ANY):
        assert one.lacks("a", unknown) == expected


def test_of_a_foreign_text_that_is_unknown_too_the_language_is_said() -> None:
    [text, *_] = FOREIGN["ja"]
    assert (ENGLISH.lacks(text, 1.0), ANY.lacks(text, 1.0)) == ("language", "tokens")


def test_the_tokenizer_says_what_is_unknown_to_it(tiny_model: Path) -> None:
    tokenizer = tokenizer_for(tiny_model)
    texts = ["i love this", "字 字 love", "字 love", "", "字 love " * 600]
    assert [text.unknown for text in tokenizer.encode(texts)] == pytest.approx([0, 2 / 3, 1 / 2, 0, 1 / 2])


def test_a_token_that_ends_each_text_is_not_taken_for_an_unknown_one(tiny_model: Path, tmp_path: Path) -> None:
    """As families of GPT have it, whose vocabularies know every byte."""
    folder = tmp_path / "own"
    folder.mkdir()
    for file in tiny_model.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config = folder / "tokenizer_config.json"
    config.write_text(config.read_text().replace("[UNK]", "[SEP]"))
    [text] = TextTokenizer(folder, 512).encode(["i love this"])
    assert text.unknown == 0


@pytest.mark.real_data
def test_of_english_comments_hardly_one_passes_for_another_language(real_data: Path) -> None:
    lines = (real_data.parent / "goemotions" / "train.tsv").read_text(encoding="utf-8").splitlines()
    texts = [line.split("\t")[0] for line in lines]
    found = sum(ENGLISH.lacks(text, KNOWN) is not None for text in texts)
    assert found / len(texts) < 0.0005
