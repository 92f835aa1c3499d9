"""What a training that was killed, or whose machine lost its power, goes on from."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from moodmill.db.core.atomicfile import atomic_file, make_folder, sync_folder, sync_tree
from moodmill.db.core.errors import SettingError

#: Stands in the model's folder as long as the training has not ended.
CHECKPOINTS: Final = "checkpoints"
#: Stands in a checkpoint once all of it is on the disk.
KEPT: Final = "kept"
#: Holds what the training was begun with.
_BEGUN: Final = "begun.json"
#: What makes a folder a model: it comes last, and goes first.
_CONFIG: Final = "config.json"


class Keeper(TrainerCallback):
    """Puts each checkpoint on the disk."""

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        work = Path(str(args.output_dir))
        checkpoint = work / f"checkpoint-{state.global_step}"
        sync_tree(checkpoint)
        sync_folder(work)
        with atomic_file(checkpoint / KEPT):
            pass


def last_checkpoint(work: Path) -> str | None:
    """Return the newest checkpoint that is whole; delete those that are newer."""
    for folder in sorted(work.glob("checkpoint-*"), key=lambda one: int(one.name.split("-")[1]), reverse=True):
        if (folder / KEPT).exists():
            return str(folder)
        shutil.rmtree(folder)  # half written when the process was killed
    return None


def refuse_other(out: Path) -> None:
    """Raise SettingError where `out` holds anything but a training that has not ended."""
    if out.exists() and not out.is_dir():
        raise SettingError(f"{out} is no folder")
    work = out / CHECKPOINTS
    # A model without a beginning has ended, and was killed while it was tidied up; or it is somebody's own.
    goes_on = (work / _BEGUN).exists() or (work.exists() and not (out / _CONFIG).exists())
    if out.exists() and any(out.iterdir()) and not goes_on:
        raise SettingError(f"{out} is not empty, and holds no training to go on with: name a new folder")


def begin(out: Path, wanted: dict[str, Any]) -> Path:
    """Return the folder of the checkpoints of a training in `out`, begun or to be gone on with.

    `wanted` is its recipe, and the digest of its data. Raises SettingError where that is another training.
    """
    work = out / CHECKPOINTS
    begun = work / _BEGUN
    if begun.exists():
        _require_same(out, json.loads(begun.read_text()), wanted)
        return work
    try:
        make_folder(work)
        with atomic_file(begun) as file:
            file.write(json.dumps(wanted).encode())
    except OSError as error:
        raise SettingError(f"{out} cannot be written: {error.strerror}") from error
    return work


def _require_same(out: Path, was: dict[str, Any], wanted: dict[str, Any]) -> None:
    if was != wanted:
        if was["recipe"].keys() != wanted["recipe"].keys():
            raise SettingError(f"{out} holds a training that another version of moodmill began: name a new folder")
        other = [name for name, value in wanted["recipe"].items() if was["recipe"][name] != value]
        raise SettingError(
            f"{out} holds a training that has not ended, with another {', '.join(other) or 'content of the data'}: "
            "repeat its own settings to go on with it, or name a new folder"
        )


def end(out: Path, model: Path) -> None:
    """Move the files of a finished model to `out`, which is no model until all are there; delete the checkpoints."""
    sync_tree(model)
    (out / _CONFIG).unlink(missing_ok=True)  # of one that was on this way before
    sync_folder(out)
    for file in model.iterdir():
        if file.name != _CONFIG:
            file.replace(out / file.name)
    sync_folder(out)
    (model / _CONFIG).replace(out / _CONFIG)
    sync_folder(out)
    work = out / CHECKPOINTS
    (work / _BEGUN).unlink()
    sync_folder(work)
    shutil.rmtree(work)
