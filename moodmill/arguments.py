"""What callers of the Python API pass in, made into settings, filters and options. No environment is read."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from moodmill.db.core.engine import ENGINES, PRECISIONS, EngineChoice, Precision
from moodmill.db.core.errors import SettingError
from moodmill.db.core.filters import check_period, moment_asked, names_asked
from moodmill.db.core.names import Key
from moodmill.worker.core.address import read_address
from moodmill.worker.core.device import check_device_name
from moodmill.worker.core.settings import BUNDLED_MODEL, EMBEDDED_BROKER, MAX_TOKENS, WorkerSettings

#: A moment in UTC, or the day, month or year that begins with it: "2024-03-31T12:00", "2024-03-31", "2024-03", "2024".
Moment = str | date | datetime


def worker_settings(
    model: str = BUNDLED_MODEL,
    *,
    revision: str | None = None,
    labels: str | None = None,
    device: str = "auto",
    engine: EngineChoice = "auto",
    precision: Precision = "auto",
    batch_tokens: int | None = None,
    max_tokens: int = MAX_TOKENS,
    broker: str | None = None,
) -> WorkerSettings:
    """Return the settings of a worker. Raises SettingError for an argument that is none."""
    choices = (("engine", engine, ENGINES), ("precision", precision, PRECISIONS))
    for name, choice, possible in choices:
        if choice not in possible:
            raise SettingError(f"{name} is {choice!r}: expected one of {', '.join(possible)}")
    for name, number in (("batch_tokens", batch_tokens), ("max_tokens", max_tokens)):
        if number is not None and number < 1:
            raise SettingError(f"{name} is {number}: expected 1 or more")
    try:
        check_device_name(device)
    except ValueError as error:
        raise SettingError(f"device is {device!r}: {error}") from error
    if broker is not None and broker != EMBEDDED_BROKER:
        try:
            read_address(broker)
        except ValueError as error:
            raise SettingError(f"broker is not usable: {error}") from error
    return WorkerSettings.model_construct(  # which, unlike its constructor, reads no environment
        redis_url=None if broker == EMBEDDED_BROKER else broker,
        hf_model_repo=model,
        hf_model_revision=revision,
        moodmill_labels=labels,
        moodmill_device=device,
        moodmill_engine=engine,
        moodmill_precision=precision,
        moodmill_batch_tokens=batch_tokens,
        moodmill_max_tokens=max_tokens,
    )


def names(key: Key, given: str | Iterable[str] | None) -> frozenset[str]:
    """Return the keys of names. Raises SettingError where what is given holds none."""
    return names_asked(key, texts(given))


def texts(given: str | Iterable[str] | None) -> Sequence[str]:
    """Return one text, several or none as a sequence."""
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


def period(since: Moment | None, until: Moment | None) -> tuple[datetime | None, datetime | None]:
    """Return the first moment and the first no more. Raises SettingError for what is none, or is empty."""
    try:
        found = tuple(None if moment is None else moment_asked(moment) for moment in (since, until))
    except ValueError as error:
        raise SettingError(str(error)) from error
    check_period(*found)
    return found[0], found[1]
