"""Small classifiers with random weights of the families that GoEmotions models of the Hub belong to."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

#: What their vocabularies are learned from.
_SENTENCES: Final = (
    "i love this so much, thanks!",
    "i hate the way he said it, and i am sorry for her.",
    "what a surprise: nobody expected that, not even we did.",
    "they are proud of what was done; it is a relief to all of us.",
)
_BERT_MARKS: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_ROBERTA_MARKS: Final = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_SIZES: Final = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 32, "intermediate_size": 64}


def _word_pieces() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(
        _SENTENCES, trainers.WordPieceTrainer(vocab_size=200, special_tokens=list(_BERT_MARKS), show_progress=False)
    )
    return tokenizer


def _bytes(marks: Sequence[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        _SENTENCES,
        trainers.BpeTrainer(vocab_size=300, special_tokens=list(marks), initial_alphabet=alphabet, show_progress=False),
    )
    return tokenizer


def _sentence_pieces() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(
        _SENTENCES,
        trainers.UnigramTrainer(
            vocab_size=120, special_tokens=list(_BERT_MARKS), unk_token="[UNK]", show_progress=False
        ),
    )
    return tokenizer


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family's names in transformers, what its config wants, and how it cuts text into tokens."""

    name: str
    #: What repositories of the family write as tokenizer_class.
    tokenizer_class: str
    tokenizer: Callable[[], Tokenizer]
    #: Padding, unknown, first, last, mask.
    marks: tuple[str, str, str, str, str] = _BERT_MARKS
    config: dict[str, Any]


FAMILIES: Final = (
    Family(name="Bert", tokenizer_class="BertTokenizer", tokenizer=_word_pieces, config=_SIZES),
    Family(
        name="Roberta",
        tokenizer_class="RobertaTokenizer",
        tokenizer=lambda: _bytes(_ROBERTA_MARKS),
        marks=("<pad>", "<unk>", "<s>", "</s>", "<mask>"),
        config=_SIZES | {"max_position_embeddings": 514, "type_vocab_size": 1},
    ),
    Family(
        name="DistilBert",
        tokenizer_class="DistilBertTokenizer",
        tokenizer=_word_pieces,
        config={"n_layers": 2, "n_heads": 2, "dim": 32, "hidden_dim": 64},
    ),
    Family(
        name="DebertaV2",
        tokenizer_class="DebertaV2Tokenizer",
        tokenizer=_sentence_pieces,
        config=_SIZES
        | {
            "relative_attention": True,
            "position_biased_input": False,
            "pos_att_type": ["p2c", "c2p"],
            "share_att_key": True,
            "position_buckets": 256,
            "norm_rel_ebd": "layer_norm",
            "type_vocab_size": 0,
            "pooler_hidden_size": 32,
        },
    ),
    Family(
        name="Electra",
        tokenizer_class="ElectraTokenizer",
        tokenizer=_word_pieces,
        config=_SIZES | {"embedding_size": 16},
    ),
    Family(
        name="ModernBert",
        tokenizer_class="PreTrainedTokenizerFast",
        tokenizer=lambda: _bytes(_BERT_MARKS),
        config=_SIZES | {"max_position_embeddings": 8_192, "local_attention": 16, "global_attn_every_n_layers": 2},
    ),
)


def make_of(family: Family, folder: Path, labels: Sequence[str]) -> Path:
    """Write a classifier with these outputs, and a tokenizer as repositories of its family have it."""
    backend = family.tokenizer()
    pad, unknown, first, last, mask = family.marks
    backend.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        special_tokens=[(one, backend.token_to_id(one)) for one in (first, last)],
    )
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend,
        pad_token=pad,
        unk_token=unknown,
        cls_token=first,
        sep_token=last,
        mask_token=mask,
        model_max_length=512,
    )
    tokenizer.save_pretrained(folder)
    told = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(told | {"tokenizer_class": family.tokenizer_class}))

    torch.manual_seed(3)
    numbers = {"pad_token_id": pad, "bos_token_id": first, "cls_token_id": first, "eos_token_id": last}
    config = getattr(transformers, f"{family.name}Config")(
        vocab_size=len(tokenizer),
        id2label=dict(enumerate(labels)),
        initializer_range=0.5,
        **{name: backend.token_to_id(mark) for name, mark in numbers.items()},
        **family.config,
    )
    getattr(transformers, f"{family.name}ForSequenceClassification")(config).save_pretrained(folder)
    return folder
