"""Small letters in SQL, of all alphabets: SQLite's `lower` knows those of English only."""

import sqlite3
from typing import Any, Final

from sqlalchemy import Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

_OF_SQLITE: Final = "lower_of_any"


class lowered(FunctionElement[str]):  # noqa: N801 - it is called like a function
    """A column in small letters. PostgreSQL knows the alphabets of its database's locale."""

    type = Text()
    inherit_cache = True


@compiles(lowered)
def _anywhere(element: lowered, compiler: SQLCompiler, **named: Any) -> str:
    return f"lower({compiler.process(element.clauses, **named)})"


@compiles(lowered, "sqlite")
def _in_sqlite(element: lowered, compiler: SQLCompiler, **named: Any) -> str:
    return f"{_OF_SQLITE}({compiler.process(element.clauses, **named)})"


def add_lowered(connection: sqlite3.Connection) -> None:
    """Add to a connection what `lowered` needs."""

    def lower(value: str | None) -> str | None:
        return value and value.lower()

    connection.create_function(_OF_SQLITE, 1, lower, deterministic=True)
