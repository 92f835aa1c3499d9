"""`python -P -m moodmill.worker MODULE …`: `celery -A MODULE …` that finds no module in the working folder.

There may lie somebody's own `redis.py` or `celery.py`.
"""

import sys
from importlib import import_module

if __name__ == "__main__":
    sys.exit(import_module(sys.argv[1]).app.start(sys.argv[2:]))
