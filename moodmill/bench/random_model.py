"""A model of any size with random weights: it says nothing, and costs what a trained one of its shape costs."""

import shutil
from pathlib import Path
from typing import Final

import torch
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from moodmill.db.core.emotions import EMOTIONS
from moodmill.worker.inference.repository import BUNDLED

#: What is taken from the bundled model: the tokenizer, and in which segments texts are read.
TAKEN: Final = ("tokenizer.json", "tokenizer_config.json", "segments.json", "thresholds.json", "README.md")
#: Heads of a layer, as BERT-base and MiniLM have them.
HEADS: Final = 12


def write_random_model(folder: Path, layers: int, hidden: int) -> Path:
    """Write a BERT of so many layers and hidden values, a multiple of HEADS, for the bundled model's tokens."""
    folder.mkdir()
    for name in TAKEN:
        shutil.copy(BUNDLED / name, folder / name)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        num_hidden_layers=layers,
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_attention_heads=HEADS,
        pad_token_id=tokenizer.pad_token_id,
        id2label=dict(enumerate(EMOTIONS)),
        label2id={name: number for number, name in enumerate(EMOTIONS)},
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder
