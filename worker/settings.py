"""Where the broker is, which model to load, and how the worker runs it."""

from typing import Final, Literal

from pydantic import PositiveInt, field_validator
from pydantic_settings import BaseSettings

from db.settings import SOURCES

#: What kombu connects to with its Redis transport.
_SCHEMES: Final = ("redis", "rediss", "sentinel", "redis+socket")


class WorkerSettings(BaseSettings):
    """Settings of workers, and of producers as far as they name the broker."""

    model_config = SOURCES

    #: redis://…, rediss://… or redis+socket:///…; None: `moodmill label` starts an embedded server.
    redis_url: str | None = None
    #: A Hub repository or a local folder; None: the bundled model.
    hf_model_repo: str | None = None
    #: Commit, tag or branch of the Hub repository.
    hf_model_revision: str | None = None
    #: "auto" takes a GPU when there is one; else what torch calls a device: cpu, cuda, cuda:1.
    moodmill_device: str = "auto"
    #: "auto" is bf16 on a GPU that has it, fp32 elsewhere.
    moodmill_precision: Literal["auto", "fp32", "bf16"] = "auto"
    #: Chunks in work at once: while the model runs one, others are tokenised and written.
    moodmill_threads: PositiveInt = 4
    #: Tokens of a micro-batch, padding included; None: by device.
    moodmill_batch_tokens: PositiveInt | None = None
    #: Set for a worker that somebody started for one run: it ends when its standard input does.
    moodmill_exit_with_parent: bool = False

    @field_validator("redis_url")
    @classmethod
    def _of_redis(cls, url: str | None) -> str | None:
        if url is None:
            return None
        url = url.replace("unix://", "redis+socket://", 1)  # as other Redis clients spell it
        if url.split("://")[0] not in _SCHEMES:
            raise ValueError("expected redis://HOST:PORT/DB, rediss://… (TLS) or unix:///PATH")
        return url
