"""How dumps are cut and how much may be under way."""

from pathlib import Path

from pydantic import Field, PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings

from moodmill.db.core.settings import SOURCES, own_folder
from moodmill.worker.queue.message import MAX_COMMENTS


class ProducerSettings(BaseSettings):
    """Settings of producers."""

    model_config = SOURCES

    #: Comments of a chunk, which is one Celery task and one transaction.
    moodmill_chunk_comments: int = Field(512, ge=1, le=MAX_COMMENTS)
    #: Chunks that may wait or be in work at once: what bounds Redis, however long the dump.
    moodmill_chunks_in_flight: PositiveInt = 256
    #: Seconds without a finished chunk after which the broker is searched for chunks that it lost.
    moodmill_look_seconds: PositiveFloat = 15.0
    #: Where standard input, and new rows of tables, are kept until their run is finished.
    moodmill_spool: Path = Field(default_factory=lambda: own_folder("data") / "spool")
    #: Months whose comments are kept, this one among them: the schedule's jobs delete older ones.
    moodmill_keep_months: PositiveInt | None = None
    #: Seconds after which `moodmill schedule serve` aggregates into the roll-ups what was added since the last time.
    moodmill_rollup_seconds: PositiveFloat = 300.0
    #: What describes the jobs of the schedule.
    moodmill_jobs: Path = Path("jobs.toml")
