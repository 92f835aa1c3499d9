"""`python -P -m worker MODULE …`: what `celery -A MODULE …` does, but it looks for no module in the working folder.

There may lie somebody's own `db` or `worker.py`.
"""

import sys
from importlib import import_module

if __name__ == "__main__":
    sys.exit(import_module(sys.argv[1]).app.start(sys.argv[2:]))
