"""`python -P -m moodmill.worker MODULE …`: `celery -A MODULE …` that finds no module in the working folder.

There may lie somebody's own `redis.py` or `celery.py`. `MODULE worker [NAME]` is one of our workers, by that name.
"""

import sys
from importlib import import_module

from moodmill.worker.queue.celery_app import run_worker

if __name__ == "__main__":
    module, *arguments = sys.argv[1:]
    app = import_module(module).app
    sys.exit(run_worker(app, *arguments[1:]) if arguments[0] == "worker" else app.start(arguments))
