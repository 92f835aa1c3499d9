"""The Celery task, and the life of the process around it: load before consuming, stop in order."""

import logging
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack
from typing import Any, Final

from celery.app import trace
from celery.exceptions import Reject
from celery.signals import worker_init, worker_ready, worker_shutdown, worker_shutting_down
from celery.worker import request

from moodmill.db.core.errors import MoodmillError, OtherEngineError, RunError, StoreError
from moodmill.db.core.settings import StoreSettings, read_settings
from moodmill.worker.core.address import LOCAL_REDIS
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.celery_app import app
from moodmill.worker.queue.envelope import TASK
from moodmill.worker.queue.heartbeat import worker_heartbeat
from moodmill.worker.queue.message import NewerMessageError, read_message
from moodmill.worker.queue.reports import worker_reports
from moodmill.worker.runtime.processor import ChunkProcessor, StoppingError
from moodmill.worker.runtime.supervisor import UNAVAILABLE_STATUS, UNUSABLE_STATUS
from moodmill.worker.telemetry.exposition import exposed
from moodmill.worker.telemetry.logs import last_word, set_subject
from moodmill.worker.telemetry.tracing import HEADERS, chunk_span, traced
from moodmill.worker.telemetry.work import METER

logger = logging.getLogger(__name__)

#: Seconds before a message for other workers goes back, so that a worker that is alone with it does not spin.
LEFT_PAUSE_S: Final = 2.0
#: Runs that are named as left to others, at most.
MAX_LEFT_RUNS: Final = 1_000

_processor: ChunkProcessor | None = None
#: Runs whose messages are left to other workers, as this one's store does not know them, or they have another engine.
_left_runs: Final[set[str]] = set()
#: What runs as long as the process does: the model's threads, the heartbeat, the metrics.
_life: Final = ExitStack()


@app.task(name=TASK)  # type: ignore[untyped-decorator]
def classify(received: Any) -> None:
    """Classify one chunk. Returns once its results are committed; only then does Celery acknowledge it."""
    if _processor is None:
        raise RuntimeError("the task runs in a worker process: it was called before the model was loaded")
    set_subject()  # of the chunk before: Celery logs what came of it in this thread, after us
    try:
        message = read_message(received)
        set_subject(run=message.run, chunk=message.number)
        started = time.monotonic()
        headers = {header: classify.request.get(header) for header in HEADERS}
        with chunk_span("process", headers, run=message.run, chunk=message.number, comments=len(message.comments)):
            _processor.process(message)
        seconds = time.monotonic() - started
        logger.info("chunk %s/%d: %d comments in %.1f s", message.run, message.number, len(message.comments), seconds)
    except NewerMessageError as error:
        logger.error("%s; left for a newer worker", error)  # noqa: TRY400 - no traceback for what is no defect
        time.sleep(LEFT_PAUSE_S)
        raise Reject(str(error), requeue=True) from error
    except (RunError, OtherEngineError) as error:
        _name_left_run(message.run, error)
        time.sleep(LEFT_PAUSE_S)
        raise Reject(str(error), requeue=True) from error
    except StoppingError as error:
        raise Reject(str(error), requeue=True) from error
    except Exception:
        raise
    except BaseException as error:
        # Celery's threads pool would lose one of its places for good.
        raise RuntimeError(f"{type(error).__name__}: {error}") from error


def _name_left_run(run: str, error: MoodmillError) -> None:
    """Say once of each run that its messages are left for others."""
    if run not in _left_runs and len(_left_runs) < MAX_LEFT_RUNS:
        _left_runs.add(run)
        logger.error("%s; the messages of this run are left for other workers", error)


@worker_init.connect  # type: ignore[untyped-decorator]
def load(**_: Any) -> None:
    """Load and warm the model before the first chunk is taken; end the process when that fails."""
    global _processor  # noqa: PLW0603 - one process, one model
    settings = read_settings(WorkerSettings)
    # Why a message goes back is said above, and not with a traceback each time.
    logging.getLogger(trace.__name__).addFilter(lambda record: record.msg != trace.LOG_REJECTED.strip())
    logging.getLogger(request.__name__).addFilter(_in_a_line)
    if settings.moodmill_exit_with_parent:
        threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    try:
        _life.enter_context(traced("moodmill-worker"))
        # First, for whoever watches: to load a model, and to measure a processor, takes minutes where it is new.
        _life.enter_context(exposed(settings.moodmill_metrics))
        broker = Broker(settings.redis_url or LOCAL_REDIS)
        _life.enter_context(worker_reports(broker))
        _processor = _life.enter_context(ChunkProcessor(settings, read_settings(StoreSettings), broker))
        _life.enter_context(worker_heartbeat(broker, _processor.name, _processor.engine))
        METER.be_ready()
    except Exception as error:
        # Celery swallows exceptions of signal receivers, but not SystemExit: a worker without a model must not consume.
        reason = str(error) if isinstance(error, MoodmillError) else f"{type(error).__name__}: {error}"
        last_word(reason, settings.moodmill_log)
        logger.debug("loading failed", exc_info=True)
        raise SystemExit(UNAVAILABLE_STATUS if isinstance(error, StoreError) else UNUSABLE_STATUS) from error


@worker_ready.connect  # type: ignore[untyped-decorator]
def announce(**_: Any) -> None:
    if _processor is not None:
        logger.info("the model %s is loaded; waiting for chunks", _processor.model)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def stop_waiting(**_: Any) -> None:
    if _processor is not None:
        _processor.stop_waiting()


@worker_shutdown.connect  # type: ignore[untyped-decorator]
def unload(**_: Any) -> None:
    """End the model threads. Celery has waited for the task threads by now, so nothing waits for the model."""
    _life.close()


def _in_a_line(record: logging.LogRecord) -> bool:
    """Let a message that could not be acknowledged be a warning: it comes again, and its chunk is done by then."""
    if str(record.msg).startswith("Couldn't ack"):
        record.exc_info, record.levelno, record.levelname = None, logging.WARNING, "WARNING"
    return True


def _end_with_parent() -> None:
    """Stop as on SIGTERM when standard input ends: whoever started this worker for one run is gone."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
