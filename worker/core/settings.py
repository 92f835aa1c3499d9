"""Where the broker is, which model to load, and how the worker runs it."""

import re
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, PositiveFloat, PositiveInt, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from moodmill.db.core.engine import EngineChoice, Precision
from moodmill.db.core.settings import SOURCES, PasswordFile, own_folder, with_password
from moodmill.db.core.urls import tidied
from moodmill.worker.core.address import read_address
from moodmill.worker.core.device import check_device_name
from moodmill.worker.core.watchdog import LIMIT_S
from moodmill.worker.telemetry.logs import Style

#: Names the bundled model, and the embedded broker, as a setting that is given: over one in `.env`, say.
BUNDLED_MODEL: Final = "bundled"
EMBEDDED_BROKER: Final = "embedded"
#: The most tokens of a text that are classified, special ones included.
MAX_TOKENS: Final = 8_192
#: No metrics, as a setting that is given.
NO_METRICS: Final = "off"
#: Who may see metrics where a port alone is named: this machine.
LOCALHOST: Final = "127.0.0.1"
_ADDRESS: Final = re.compile(r"(?:(?P<host>[\w.-]+|\[[\da-fA-F:.]+\]):)?(?P<port>\d{1,5})")


class WorkerSettings(BaseSettings):
    """Settings of workers, and of producers as far as they name the broker."""

    model_config = SOURCES

    #: Holds the password that is put into the URL.
    redis_password_file: PasswordFile | None = None
    #: redis://…, rediss://…, unix:///PATH?db=… or sentinel://HOST:PORT,HOST:PORT/DB?master=NAME; without it,
    #: `moodmill label` starts an embedded server.
    redis_url: str | None = None
    #: A Hub repository or a local folder.
    hf_model_repo: str = BUNDLED_MODEL
    #: Commit, tag or branch of the Hub repository.
    hf_model_revision: str | None = None
    #: Names of the outputs of a model that does not name them: with commas between, a file, or "goemotions".
    moodmill_labels: str | None = None
    #: Tokens of a text that are read at most, special ones included, and never more than 100,000 characters; a text
    #: that is longer is marked as truncated.
    moodmill_max_tokens: PositiveInt = MAX_TOKENS
    #: The one language that the model reads: texts mostly in another are marked as unsupported. "auto" is what the
    #: model's card says; "any": none is marked.
    moodmill_language: Literal["auto", "en", "any"] = "auto"
    #: "auto" takes a GPU when there is one; else what torch calls a device: cpu, cuda, cuda:1.
    moodmill_device: str = "auto"
    #: What runs the model: "openvino" on x86 processors, "torch" everywhere; "auto" is what is fastest on the device.
    moodmill_engine: EngineChoice = "auto"
    #: "auto" is bf16 on a GPU that has it; on a processor, the fastest of those that say nearly the same: int8 where
    #: the model has a quantised form that passed its gate. Given where a run begins, all of its rows are to have it.
    moodmill_precision: Precision = "auto"
    #: Chunks in work at once: while the model runs some, others are tokenized and written; and the more texts there are
    #: to choose from, the more micro-batches hold texts of one length.
    moodmill_threads: PositiveInt = 16
    #: Tokens of a micro-batch, padding included; without it, by device, on a CPU what is fastest.
    moodmill_batch_tokens: PositiveInt | None = None
    #: Where a machine remembers what it found to be fastest on its processor.
    moodmill_tuning: Path = Field(default_factory=lambda: own_folder("cache") / "tuning.json")
    #: Where compiled models are kept, so that later starts take a second: 4 GiB at most.
    moodmill_cache: Path = Field(default_factory=lambda: own_folder("cache") / "models")
    #: Seconds that a micro-batch, or one try to write a chunk, may take; a worker in which it takes longer ends. And
    #: seconds that PostgreSQL may take for an answer, half of that in a worker, after which its connection is given up.
    moodmill_stall_seconds: PositiveFloat = LIMIT_S
    #: HOST:PORT where a process that lasts shows its metrics; a port alone is one of 127.0.0.1. Of several that `worker
    #: --devices` starts, each further one takes the next port.
    moodmill_metrics: str | None = None
    #: How processes log: "auto" is text on a terminal, and JSON elsewhere.
    moodmill_log: Style = "text"
    #: Set for a worker that somebody started for one run: it ends when its standard input does.
    moodmill_exit_with_parent: bool = False

    @field_validator("redis_url")
    @classmethod
    def _of_redis(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is None or url.strip() == EMBEDDED_BROKER:
            return None
        whole = with_password(tidied(url), info.data.get("redis_password_file"))
        read_address(whole)  # refuses what cannot be used
        return whole

    @field_validator("moodmill_device")
    @classmethod
    def _of_device(cls, device: str) -> str:
        check_device_name(device)
        return device

    @field_validator("moodmill_metrics")
    @classmethod
    def _of_metrics(cls, address: str | None) -> str | None:
        if address is None or address == NO_METRICS:
            return None
        found = _ADDRESS.fullmatch(address)
        if found is None or not 0 < int(found["port"]) < 65_536:
            raise ValueError(f"expected HOST:PORT, PORT or {NO_METRICS}")
        return f"{found['host'] or LOCALHOST}:{found['port']}"
