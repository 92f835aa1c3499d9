"""Emoji and emoticons as tokens: vocabularies of encoders have few of them, and read the others as unknown.

Their words are the English short names and keywords of the Unicode Common Locale Data Repository (CLDR 48.2, package
cldr-annotations-full of npm), of emoji that are a single code point; tones of skin are "skin".
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import AddedToken
from transformers import PreTrainedTokenizerBase

_TABLE: Final = Path(__file__).with_name("emoji.json")
#: Not among them: `:*` and `^^` are mostly Markdown's (`**Edit:**`, `^^small`), `:|` a table's, `D:` a disk's.
_EMOTICONS: Final = {
    ":)": "happy smile",
    ":-)": "happy smile",
    "(:": "happy smile",
    ":(": "sad unhappy frown",
    ":-(": "sad unhappy frown",
    ":'(": "crying sad tears",
    ":D": "happy laughing grin",
    ":-D": "happy laughing grin",
    ";)": "wink playful",
    ";-)": "wink playful",
    ":P": "playful joking tongue",
    ":p": "playful joking tongue",
    "xD": "laughing hilarious lol",
    "XD": "laughing hilarious lol",
    "<3": "love heart",
    "</3": "broken heart sad",
    ":/": "skeptical annoyed unsure",
    ":\\": "skeptical annoyed unsure",
    ":O": "surprised shocked wow",
    ":o": "surprised shocked wow",
    "^_^": "happy",
    "-_-": "annoyed unamused",
    "o_o": "surprised shocked",
    "O_O": "surprised shocked",
    "o.O": "surprised confused",
    ">:(": "angry mad",
    ":3": "cute happy",
    "T_T": "crying sad",
    "ಠ_ಠ": "disapproving disapproval",
    "¯\\_(ツ)_/¯": "shrug indifferent whatever",
}


@cache
def symbols() -> Mapping[str, str]:
    """Return each emoji and emoticon, with words that say what it means."""
    emoji: dict[str, str] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return emoji | _EMOTICONS


@torch.no_grad()
def add_symbols(model: Any, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give each emoji and emoticon that the vocabulary lacks a token; its embedding is the mean of its words'."""
    new = {symbol: words for symbol, words in symbols().items() if symbol not in tokenizer.get_vocab()}
    if not new:
        return
    ids = tokenizer([*new.values()], add_special_tokens=False)["input_ids"]
    tokenizer.add_tokens([_token(symbol) for symbol in new])
    embeddings = model.get_input_embeddings().weight
    known = ([one for one in words if one != tokenizer.unk_token_id] or words for words in ids)
    means = torch.stack([embeddings[words].mean(0) for words in known])
    tokens = max(tokenizer.get_vocab().values()) + 1
    model.resize_token_embeddings(max(tokens, len(embeddings)), mean_resizing=False)
    model.get_input_embeddings().weight[tokenizer.convert_tokens_to_ids([*new])] = means


def _token(symbol: str) -> AddedToken:
    # A smile may follow a word at once, but `:/` in an address, `:3` in a time and `xD` in a word are none.
    in_words = any(character.isalnum() or character in "/\\" for character in symbol)
    return AddedToken(symbol, normalized=False, single_word=len(symbol) > 1 and in_words)
