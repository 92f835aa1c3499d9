"""All settings there are, with their defaults and meanings, by the code that declares them."""

import inspect
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

#: Between a run and its worker, and no business of people.
HIDDEN: Final = frozenset({"moodmill_exit_with_parent"})
#: A setting in its code: comments that describe it, and its name.
_DESCRIBED: Final = re.compile(r"((?:^    #: .*\n)+)    (\w+):", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Setting:
    name: str
    #: As it would be given; None where there is no default.
    default: str | None
    meaning: str


def settings_of(kind: "type[BaseSettings]") -> list[Setting]:
    """Return the settings of a package, in the order of its code, which describes each in a comment above it."""
    comments = {
        name: " ".join(said.replace("#:", "").split()) for said, name in _DESCRIBED.findall(inspect.getsource(kind))
    }
    return [
        Setting(name=name.upper(), default=_shown(field.get_default(call_default_factory=True)), meaning=comments[name])
        for name, field in kind.model_fields.items()
        if name not in HIDDEN
    ]


def all_settings() -> dict[str, list[Setting]]:
    """Return all settings, by what they are settings of."""
    return {title: settings_of(kind) for title, kind in _kinds().items()}


def setting_names() -> list[str]:
    """Return the names of all settings, for who asks at each command: without their descriptions."""
    return [name.upper() for kind in _kinds().values() for name in kind.model_fields if name not in HIDDEN]


def _kinds() -> "dict[str, type[BaseSettings]]":
    from moodmill.db.core.settings import StoreSettings
    from moodmill.producers.runs.settings import ProducerSettings
    from moodmill.worker.core.settings import WorkerSettings

    return {
        "The store": StoreSettings,
        "Broker, model, worker and logs": WorkerSettings,
        "Producers and schedule": ProducerSettings,
    }


def _shown(default: object) -> str | None:
    if default is None:
        return None
    if isinstance(default, float):
        return f"{default:g}"
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises where there is none
    return str(default).replace(home, "~", 1)
