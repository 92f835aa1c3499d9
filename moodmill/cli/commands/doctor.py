"""`moodmill doctor`: what works here, and the fix for what does not."""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import click
from rich.table import Table
from rich.text import Text

from moodmill.cli.extra import missing_extra
from moodmill.cli.options import broker_options, device_options, json_option, model_options, store_options
from moodmill.cli.printing import OUTPUT, print_json
from moodmill.db.core.errors import MoodmillError

if TYPE_CHECKING:
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.inference.repository import ModelFiles

#: What only workers have.
NEEDS_WORKER: Final = ("device", "model")
#: What to do about messages in quarantine.
STRANGE: Final = (
    "messages of another program are in quarantine: `LRANGE moodmill:quarantine 0 -1` of redis-cli shows them, "
    "`DEL moodmill:quarantine` forgets them; give moodmill a database of its own"
)


@dataclass(frozen=True, kw_only=True)
class Finding:
    part: str
    ok: bool
    #: What was found; of what does not work, the fix too.
    found: str


@click.command(short_help="Check store, broker, device and model, and say how to fix what fails.")
@model_options
@device_options
@store_options
@broker_options
@json_option
def doctor(as_json: bool) -> None:
    """Check the store, the broker, the device and the model, as the settings name them."""
    checks = {"store": _store, "broker": _broker, "device": _device, "model": _model}
    findings = [_look(part, check) for part, check in checks.items()]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        table = Table(box=None, show_header=False)
        for finding in findings:
            table.add_row("ok" if finding.ok else "FAILS", finding.part, Text(finding.found, overflow="fold"))
        OUTPUT.print(table)
    if not all(finding.ok for finding in findings):
        sys.exit(1)


def _look(part: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(part=part, ok=True, found=check())
    except MoodmillError as error:
        return Finding(part=part, ok=False, found=str(error))
    except ImportError as error:
        if part in NEEDS_WORKER and missing_extra(error) and _names_broker():
            return Finding(
                part=part, ok=True, found=f"not here: {error.name} is missing, so workers elsewhere classify"
            )
        return Finding(part=part, ok=False, found=missing_extra(error) or str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other parts are worth a look too
        return Finding(part=part, ok=False, found=f"{type(error).__name__}: {error}")


def _names_broker() -> bool:
    """Tell whether chunks go to workers that may run elsewhere: a producer's host has no model."""
    from moodmill.db.core.settings import read_settings
    from moodmill.worker.core.settings import WorkerSettings

    return read_settings(WorkerSettings).redis_url is not None


def _store() -> str:
    from moodmill.db.core.settings import StoreSettings, read_settings
    from moodmill.db.database.store import Store
    from moodmill.db.lake.lake import lake_of

    store = Store(read_settings(StoreSettings).database_url)
    if not store.exists():
        return f"none yet: the first run makes {store.shown}"
    lake = None
    try:
        found = store.current()
        if found is not None:
            store.prepare()  # which refuses one of another version
            lake = lake_of(store)
        warning = store.check()
        if lake is not None:
            lake.require()
            lake.folder.check()
    finally:
        store.close()
    rows = f", rows in {lake.folder.address}" if lake is not None else ""
    return f"{store.shown}{rows}, schema {found or 'none yet'}{f'; careful: {warning}' if warning else ''}"


def _broker() -> str:
    from moodmill.db.core.settings import read_settings
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.queue.broker import Broker
    from moodmill.worker.queue.embedded import embedded_broker

    url = read_settings(WorkerSettings).redis_url
    if url is not None:
        broker = Broker(url)
        broker.check()
        strange = broker.statistics().quarantined
        return f"{broker.shown}{f'; careful: {strange:,} {STRANGE}' if strange else ''}"
    with embedded_broker() as embedded:
        Broker(embedded.url).check()
    return "none named (REDIS_URL): `moodmill label` starts an embedded one, which works"


def _device() -> str:
    from importlib.metadata import version
    from typing import get_args

    from moodmill.db.core.engine import EngineName
    from moodmill.db.core.settings import read_settings
    from moodmill.worker.core.cpu import processor, usable_cores
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.inference.engines import is_installed, runs_on_processor

    settings = read_settings(WorkerSettings)
    installed = ", ".join(f"{name} {version(name)}" for name in get_args(EngineName) if is_installed(name))
    if runs_on_processor(settings):
        return f"cpu ({processor()}, {usable_cores()} threads); {installed}"
    import torch

    from moodmill.worker.inference.torch_model import choose_device

    device = choose_device(settings.moodmill_device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{device} ({name}); {installed}"


def _model() -> str:
    from moodmill.db.core.settings import read_settings
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.inference.classifier import load_classifier
    from moodmill.worker.inference.repository import find_model

    settings = read_settings(WorkerSettings)
    files = find_model(settings)
    with load_classifier(files, settings) as classifier:
        classifier.warm_up()
        return f"{files.name} in {files.folder}; {classifier}{_measured(files, settings)}"


def _measured(files: "ModelFiles", settings: "WorkerSettings") -> str:
    """Return what the choice of the engine stands on: what was measured on this processor, when, and how sure it is."""
    from moodmill.worker.inference.tuning import remembered_of

    found = remembered_of(files, settings)
    return f"; {found.describe()}" if found is not None else ""
