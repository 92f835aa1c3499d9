"""Columns of Arrow tables, those within structs, lists and maps among them, by dotted paths."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnPath:
    """A column of a schema, or what lies within one."""

    #: As people ask for it.
    name: str
    #: The number of the column, then of each struct's field; elements of lists by number, values of maps by key.
    steps: tuple[int | str, ...]
    type: Any

    @property
    def is_nested(self) -> bool:
        return bool(pa.types.is_nested(stored(self.type)))

    @property
    def within(self) -> str:
        """A path to what is in a nested one, as an example."""
        kind = stored(self.type)
        if pa.types.is_struct(kind) and kind.num_fields:
            return f"{self.name}.{kind.field(0).name}"
        return f"{self.name}.0" if _is_list(kind) else f"{self.name}.KEY"


def stored(kind: Any) -> Any:
    """Return the type of the values behind extensions, dictionaries and runs."""
    while True:
        if isinstance(kind, pa.BaseExtensionType):
            kind = kind.storage_type
        elif pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
            kind = kind.value_type
        else:
            return kind


def columns_of(schema: Any) -> list[ColumnPath]:
    """Return the columns in their order, and behind them the fields of those that are structs: `data.body`.

    A column whose own name has dots goes before a field of that path.
    """
    columns = [ColumnPath(name=field.name, steps=(number,), type=field.type) for number, field in enumerate(schema)]
    own = set(schema.names)
    nested = (path for number, field in enumerate(schema) for path in _fields_of(field, (number,)))
    return [*columns, *(path for path in nested if path.name not in own)]


def _fields_of(parent: Any, steps: tuple[int | str, ...], above: str = "") -> Iterator[ColumnPath]:
    kind = stored(parent.type)
    if not pa.types.is_struct(kind):
        return
    for number, field in enumerate(kind):
        path = ColumnPath(name=f"{above}{parent.name}.{field.name}", steps=(*steps, number), type=field.type)
        if not path.is_nested:
            yield path
        else:
            yield from _fields_of(field, path.steps, f"{above}{parent.name}.")


def lists_of(fields: Iterable[Any], above: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the dotted paths of columns that are lists of structs, each with the names of a struct's fields."""
    for field in fields:
        kind = stored(field.type)
        if pa.types.is_struct(kind):
            yield from lists_of(kind, f"{above}{field.name}.")
        elif _is_list(kind) and pa.types.is_struct(inner := stored(kind.value_type)):
            yield f"{above}{field.name}", [one.name for one in inner]


def find_path(schema: Any, name: str) -> ColumnPath | None:
    """Return what a dotted path leads to, through structs, lists (`comments.0.body`) and maps; None if nowhere."""
    own = [number for number, known in enumerate(schema.names) if known == name]
    if len(own) == 1:
        return ColumnPath(name=name, steps=(own[0],), type=schema.field(own[0]).type)
    first, *rest = name.split(".")
    steps: list[int | str] = [*_numbers(schema.names, first)]
    if len(steps) != 1:
        return None
    kind = schema.field(steps[0]).type
    for part in rest:
        kind = stored(kind)
        if pa.types.is_struct(kind):
            numbers = _numbers([field.name for field in kind], part)
            if len(numbers) != 1:
                return None
            steps.append(numbers[0])
            kind = kind.field(numbers[0]).type
        elif pa.types.is_map(kind) and _is_text(kind.key_type):
            steps.append(part)
            kind = kind.item_type
        elif _is_list(kind) and part.isascii() and part.isdigit() and len(part) < 6:
            steps.append(int(part))
            kind = kind.value_type
        else:
            return None
    return ColumnPath(name=name, steps=tuple(steps), type=kind)


def _numbers(names: Sequence[str], wanted: str) -> list[int]:
    exact = [number for number, name in enumerate(names) if name == wanted]
    plain = wanted.strip().lower()
    return exact or [number for number, name in enumerate(names) if name.strip().lower() == plain]


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_list(kind: Any) -> bool:
    tests = (
        pa.types.is_list,
        pa.types.is_large_list,
        pa.types.is_fixed_size_list,
        pa.types.is_list_view,
        pa.types.is_large_list_view,
    )
    return any(is_one(kind) for is_one in tests)


def follow(column: Any, steps: Sequence[int | str]) -> Any:
    """Return what the steps behind the column's own lead to, with a null where a part of the way is missing."""
    for step in steps:
        while isinstance(column, pa.ExtensionArray):
            column = column.storage
        if pa.types.is_struct(column.type):
            column = pc.struct_field(column, [step])
        elif pa.types.is_map(column.type):
            column = pc.map_lookup(column, pa.scalar(step).cast(column.type.key_type), "first")
        else:
            is_long = pc.greater(pc.list_value_length(column), step)
            column = pc.list_element(pc.if_else(is_long, column, pa.scalar(None, column.type)), step)
    return column


def struct_depth(schema: Any, path: ColumnPath) -> int:
    """Return how many steps lead through structs, from the table on."""
    kind: Any = None
    for depth, step in enumerate(path.steps):
        if kind is not None and not pa.types.is_struct(stored(kind)):
            return depth
        kind = schema.field(step).type if kind is None else stored(kind).field(step).type
    return len(path.steps)


def narrowed(paths: Sequence[ColumnPath], depth: Callable[[ColumnPath], int]) -> list[tuple[int | str, ...]]:
    """Return the steps of paths in a table that holds nothing else, as deep as `depth` says for each."""
    found = []
    for path in paths:
        steps = list(path.steps)
        for level in range(depth(path)):
            beside = [other.steps for other in paths if other.steps[:level] == path.steps[:level]]
            kept = sorted({int(other[level]) for other in beside})
            steps[level] = kept.index(int(path.steps[level]))
        found.append(tuple(steps))
    return found
