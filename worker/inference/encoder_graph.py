"""The graph of an encoder with its head, made of a model's own files: OpenVINO's operations around its weights.

What transformers' modules of these families compute, as their papers have it (BERT: Devlin et al. 2019; RoBERTa: Liu et
al. 2019; DistilBERT: Sanh et al. 2019; ELECTRA: Clark et al. 2020). So neither torch nor transformers is needed to
classify with such a model. As the head reads the first token of each text only, the last layer makes nothing of the
others but keys and values: a seventh of the work of a model of six layers.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from moodmill.worker.core.openvino import Graph, Node, silent_openvino
from moodmill.worker.inference.weights import read_weights

ov: Final = silent_openvino()
op: Final = import_module("openvino.opset13")

#: Names of the inputs: token ids, [n, longest], and how many tokens each text has, [n]; both int32.
IDS: Final = "ids"
LENGTHS: Final = "lengths"
#: Name of the output: logits, [n, labels].
LOGITS: Final = "logits"
#: Added to the score of what stands behind a text's end; bf16 holds it too, and its exponential is 0.
_MASKED: Final = -10_000.0


class _Layer(NamedTuple):
    """What a family calls the parts of a layer."""

    query: str
    key: str
    value: str
    attended: str
    attended_norm: str
    intermediate: str
    output: str
    output_norm: str


_OF_BERT: Final = _Layer(
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    attended="attention.output.dense",
    attended_norm="attention.output.LayerNorm",
    intermediate="intermediate.dense",
    output="output.dense",
    output_norm="output.LayerNorm",
)
_OF_DISTILBERT: Final = _Layer(
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    attended="attention.out_lin",
    attended_norm="sa_layer_norm",
    intermediate="ffn.lin1",
    output="ffn.lin2",
    output_norm="output_layer_norm",
)


class _Family(NamedTuple):
    #: How the names of the encoder's weights begin.
    prefix: str
    layers: str
    layer: _Layer
    #: The head: first linear map, activation, last linear map.
    head: tuple[str, str, str]
    #: Positions count from behind the padding id, and tokens that are padding are not counted.
    after_padding: bool = False


_POOLED: Final = ("bert.pooler.dense", "tanh", "classifier")
_OF_ROBERTA: Final = _Family(
    prefix="roberta",
    layers="encoder.layer",
    layer=_OF_BERT,
    head=("classifier.dense", "tanh", "classifier.out_proj"),
    after_padding=True,
)
FAMILIES: Final = {
    "bert": _Family(prefix="bert", layers="encoder.layer", layer=_OF_BERT, head=_POOLED),
    "camembert": _OF_ROBERTA,
    "distilbert": _Family(
        prefix="distilbert",
        layers="transformer.layer",
        layer=_OF_DISTILBERT,
        head=("pre_classifier", "relu", "classifier"),
    ),
    "electra": _Family(
        prefix="electra",
        layers="encoder.layer",
        layer=_OF_BERT,
        head=("classifier.dense", "gelu", "classifier.out_proj"),
    ),
    "roberta": _OF_ROBERTA,
    "xlm-roberta": _OF_ROBERTA,
}
_ACTIVATIONS: Final[dict[str, Callable[[Node], Node]]] = {
    "gelu": lambda inputs: op.gelu(inputs, "erf"),
    "gelu_new": lambda inputs: op.gelu(inputs, "tanh"),
    "gelu_pytorch_tanh": lambda inputs: op.gelu(inputs, "tanh"),
    "relu": op.relu,
    "silu": op.swish,
    "swish": op.swish,
    "tanh": op.tanh,
}
#: Options of a config under which a model of a family computes something else.
_PLAIN: Final = {
    "position_embedding_type": (None, "absolute"),
    "is_decoder": (None, False),
    "add_cross_attention": (None, False),
    "pruned_heads": (None, {}),
    "quantization_config": (None,),
}
#: Names in configs of what others call otherwise.
_ALIASES: Final = {
    "hidden_size": "dim",
    "num_attention_heads": "n_heads",
    "num_hidden_layers": "n_layers",
    "hidden_act": "activation",
}


#: Weights that checkpoints have and a classifier of the family does not use.
_UNUSED: Final = (".position_ids", ".token_type_ids", ".pooler.dense.weight", ".pooler.dense.bias")


def first_token_products(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the graph's products that first tokens alone go through: the last layer's, and the head's.

    They cost next to nothing, and what they say is not smoothed by anything behind them. None of an unknown family.
    """
    family = FAMILIES.get(str(config.get("model_type")))
    if family is None:
        return []
    layers = config.get("num_hidden_layers") or config["n_layers"]
    parts = family.layer
    last = f"{family.prefix}.{family.layers}.{layers - 1}"
    return [f"{last}.{part}" for part in (parts.query, parts.attended, parts.intermediate, parts.output)] + [
        family.head[0],
        family.head[2],
    ]


class UnknownArchitectureError(Exception):
    """The graph of a model cannot be made of its files alone; says why."""


def encoder_graph(folder: Path, config: Mapping[str, Any]) -> Graph:
    """Return the graph of a classifier: IDS and LENGTHS in, LOGITS out.

    `config` is its config.json. Raises UnknownArchitectureError for a model of another kind, ModelError where its
    weights cannot be read.
    """
    config = {name: config.get(alias) for name, alias in _ALIASES.items()} | dict(config)
    family = FAMILIES.get(str(config.get("model_type")))
    if family is None:
        raise UnknownArchitectureError(f"{config.get('model_type')!r} is none of {', '.join(FAMILIES)}")
    for name, allowed in _PLAIN.items():
        if config.get(name) not in allowed:
            raise UnknownArchitectureError(f"{name} is {config.get(name)!r}")
    if config["hidden_act"] not in _ACTIVATIONS:
        raise UnknownArchitectureError(f"its activation is {config['hidden_act']!r}")
    return _Builder(family, config, read_weights(folder)).build()


class _Builder:
    def __init__(self, family: _Family, config: Mapping[str, Any], weights: dict[str, NDArray[Any]]) -> None:
        self._family = family
        self._config = config
        self._weights = weights
        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config.get("layer_norm_eps") or 1e-12)
        self._activate = _ACTIVATIONS[config["hidden_act"]]

    def build(self) -> Graph:
        ids = op.parameter([-1, -1], ov.Type.i32, name=IDS)
        lengths = op.parameter([-1], ov.Type.i32, name=LENGTHS)
        columns = _count(op.gather(op.shape_of(ids, "i32"), _integers(1), _integers(0)))
        exists = op.less(op.unsqueeze(columns, _integers(0)), op.unsqueeze(lengths, _integers(1)))
        # [n, longest] → [n, 1, 1, longest]
        mask = op.unsqueeze(op.select(exists, _number(0), _number(_MASKED)), _integers(1, 2))
        hidden = self._embed(ids, columns)
        names = [f"{self._family.prefix}.{self._family.layers}.{n}" for n in range(self._config["num_hidden_layers"])]
        for name in names:
            hidden = self._layer(name, hidden, mask, first_only=name == names[-1])
        first = op.squeeze(_first(hidden), _integers(1))  # [n, 1, hidden] → [n, hidden]
        dense, activation, last = self._family.head
        logits = self._linear(_ACTIVATIONS[activation](self._linear(first, dense)), last)
        for node, name in ((ids, IDS), (lengths, LENGTHS), (logits, LOGITS)):
            node.output(0).set_names({name})
        self._refuse_others()
        return ov.Model([op.result(logits)], [ids, lengths], "encoder")

    def _embed(self, ids: Node, columns: Node) -> Node:
        """[n, longest] → [n, longest, hidden]"""
        name = f"{self._family.prefix}.embeddings"
        positions = columns
        if self._family.after_padding:
            padding = int(self._config.get("pad_token_id") or 0)
            counts = op.convert(op.not_equal(ids, op.constant(np.int32(padding))), "i32")
            numbers = op.multiply(op.cum_sum(counts, op.constant(np.int64(1))), counts)
            positions = op.add(numbers, op.constant(np.int32(padding)))
        rows = [self._rows(f"{name}.word_embeddings", ids), self._rows(f"{name}.position_embeddings", positions)]
        if int(self._config.get("type_vocab_size") or 0):
            types = self._take(f"{name}.token_type_embeddings.weight")
            rows.append(_constant(types[0]))  # one text is all of the first type
        embedded = rows[0]
        for row in rows[1:]:
            embedded = op.add(embedded, row)
        embedded = self._norm(embedded, f"{name}.LayerNorm")
        projection = f"{self._family.prefix}.embeddings_project"
        return self._linear(embedded, projection) if f"{projection}.weight" in self._weights else embedded

    def _layer(self, name: str, hidden: Node, mask: Node, *, first_only: bool) -> Node:
        """[n, longest, hidden] → the same, or [n, 1, hidden] of the first tokens."""
        parts = _Layer(*(f"{name}.{part}" for part in self._family.layer))
        asked = _first(hidden) if first_only else hidden
        query = self._split(self._linear(asked, parts.query))
        key = self._split(self._linear(hidden, parts.key))
        value = self._split(self._linear(hidden, parts.value))
        per_head = self._config["hidden_size"] // self._heads
        scores = op.multiply(op.matmul(query, key, False, True), _number(per_head**-0.5))
        attended = op.matmul(op.softmax(op.add(scores, mask), -1), value, False, False)
        # [n, heads, asked, per head] → [n, asked, hidden]
        attended = op.reshape(op.transpose(attended, _integers(0, 2, 1, 3)), _integers(0, 0, -1), special_zero=True)
        asked = self._norm(op.add(self._linear(attended, parts.attended), asked), parts.attended_norm)
        inner = self._activate(self._linear(asked, parts.intermediate))
        return self._norm(op.add(self._linear(inner, parts.output), asked), parts.output_norm)

    def _split(self, inputs: Node) -> Node:
        """[n, t, hidden] → [n, heads, t, per head]"""
        split = op.reshape(inputs, _integers(0, 0, self._heads, -1), special_zero=True)
        return op.transpose(split, _integers(0, 2, 1, 3))

    def _linear(self, inputs: Node, name: str) -> Node:
        product = op.matmul(inputs, _constant(self._take(f"{name}.weight"), as_stored=True), False, True)
        product.set_friendly_name(name)
        return op.add(product, _constant(self._take(f"{name}.bias")))

    def _norm(self, inputs: Node, name: str) -> Node:
        scale, shift = (_constant(self._take(f"{name}.{part}")) for part in ("weight", "bias"))
        return op.add(op.multiply(op.mvn(inputs, _integers(-1), True, self._epsilon, "inside_sqrt"), scale), shift)

    def _rows(self, name: str, numbers: Node) -> Node:
        rows = op.gather(_constant(self._take(f"{name}.weight"), as_stored=True), numbers, _integers(0))
        rows.set_friendly_name(name)
        return rows

    def _take(self, name: str) -> NDArray[Any]:
        try:
            return self._weights.pop(name)
        except KeyError:
            raise UnknownArchitectureError(f"it lacks the weights {name}") from None

    def _refuse_others(self) -> None:
        """Raise UnknownArchitectureError for weights of the encoder or its head that the graph leaves out."""
        mine = (f"{self._family.prefix}.", "classifier", "pre_classifier")
        others = [name for name in self._weights if name.startswith(mine) and not name.endswith(_UNUSED)]
        if others:
            raise UnknownArchitectureError(f"it has weights of its own: {', '.join(sorted(others)[:5])}")


def _first(hidden: Node) -> Node:
    """[n, t, hidden] → [n, 1, hidden]"""
    return op.slice(hidden, _integers(0), _integers(1), _integers(1), _integers(1))


def _count(length: Node) -> Node:
    """Return 0, 1, … up to a length, int32."""
    return op.range(op.constant(np.int32(0)), op.squeeze(length, _integers(0)), op.constant(np.int32(1)), "i32")


def _constant(values: NDArray[Any], *, as_stored: bool = False) -> Node:
    """Return values as fp32 to what computes with them; in the file as they are stored, where that takes half."""
    if as_stored and values.dtype == np.float16:
        return op.convert(op.constant(np.ascontiguousarray(values)), "f32")
    return op.constant(np.ascontiguousarray(values, dtype=np.float32))


def _number(value: float) -> Node:
    return op.constant(np.float32(value))


def _integers(*values: int) -> Node:
    return op.constant(np.array(values, dtype=np.int64))
