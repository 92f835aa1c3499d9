"""The entry point of the command `moodmill`."""

import sys
from typing import Final

#: Exit status as shells number it, of a program that Ctrl-C ended.
INTERRUPTED_STATUS: Final = 130


def main() -> None:
    """Run the command line and exit with its status."""
    try:
        from moodmill.cli.app import run  # here, for it takes a while, and Ctrl-C may come meanwhile

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED_STATUS)


if __name__ == "__main__":
    main()
