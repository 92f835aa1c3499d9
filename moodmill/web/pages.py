"""The files that a browser is given: pages, modules, style, and the policy under which they run."""

import base64
import hashlib
import json
import re
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

STATIC: Final = Path(__file__).parent / "static"
_PAGES: Final = Path(__file__).parent / "pages"
#: Under which names modules import each other, wherever they lie: as files of a server, or in a page that was saved.
_MODULE_NAMES: Final = {"vendor/preact.js": "preact", "vendor/hooks.js": "preact/hooks", "vendor/htm.js": "htm"}
#: What stands in for characters that would end a script element.
_ESCAPES: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def page(name: str, title: str, prefix: str = "") -> str:
    """Return a page, whose module is NAME/page.js, of an application that is mounted under `prefix`."""
    filled = _text(_PAGES / "live.html")
    for place, value in (("prefix", prefix), ("importmap", import_map(prefix)), ("name", name), ("title", title)):
        filled = filled.replace(f"{{{{{place}}}}}", value)
    return filled


@cache
def import_map(prefix: str) -> str:
    """Return where a page's modules are, as an import map."""
    return json.dumps({"imports": {name: f"{prefix}/static/{path}" for path, name in _modules().items()}})


def policy(prefix: str) -> str:
    """Return the Content-Security-Policy of the pages: what they load is ours, and no text can become a script."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {digest(import_map(prefix))}",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def saved_page(title: str, data: Mapping[str, Any], *, module: str, made_by: str, rooms: Collection[str]) -> str:
    """Return a page with what it shows inside: one file that asks for nothing.

    `module` is that of the page, `rooms` are the folders of what it imports besides those that all pages do.
    """
    modules = {
        name: "data:text/javascript;base64," + base64.b64encode((STATIC / path).read_bytes()).decode()
        for path, name in _modules().items()
        if "/" not in path or path.partition("/")[0] in {"vendor", *rooms}
    }
    imports = json.dumps({"imports": modules})
    start = f'import "moodmill/{module}";'
    directives = (
        "default-src 'none'",
        f"script-src data: {digest(imports)} {digest(start)}",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    escaped = title.replace("&", "&amp;").replace("<", "&lt;")
    return (
        _text(_PAGES / "saved.html")
        .replace("{{made_by}}", made_by)
        .replace("{{policy}}", "; ".join(directives))
        .replace("{{title}}", escaped)
        .replace("{{style}}", _text(STATIC / "style.css"))
        .replace("{{importmap}}", imports)
        .replace("{{start}}", start)
        .replace("{{data}}", _escaped(msgspec.json.encode(data).decode()))
    )


def digest(script: str) -> str:
    """Return what a Content-Security-Policy knows a script by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


@cache
def _modules() -> dict[str, str]:
    """Return the name by which each module is imported."""
    paths = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js"))
    return {path: _MODULE_NAMES.get(path, f"moodmill/{path}") for path in paths}


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _escaped(text: str) -> str:
    return re.sub("[<>&\u2028\u2029]", lambda found: _ESCAPES[found[0]], text)
