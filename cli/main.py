"""`moodmill …`: the front door. Every error a person can mend is one line; a traceback is shown only under --debug."""

import sys
import traceback
from importlib.metadata import version
from typing import Final

import click

from cli.bench import bench
from cli.classify import classify
from cli.dead import dead
from cli.demo import demo
from cli.doctor import doctor
from cli.evaluate import evaluate
from cli.export import export
from cli.extra import missing_extra
from cli.label import enqueue, label, resume
from cli.report import report
from cli.schedule import schedule
from cli.settings import settings
from cli.status import status
from cli.store import db
from cli.top import top
from cli.train import train
from cli.visible import visible
from cli.worker import worker
from db.errors import MoodmillError

#: Exit status of a defect of ours, as sysexits.h numbers it.
DEFECT_STATUS: Final = 70


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(version("moodmill"), prog_name="moodmill")
@click.option("--debug", is_flag=True, help="Show the traceback of an error. May stand anywhere in the command.")
def moodmill(debug: bool) -> None:
    """Grind comment dumps into emotions: all 27 GoEmotions probabilities of every comment, in a SQL store.

    \b
    On one machine:   moodmill label RC_2024-03.zst
    On a fleet:       set REDIS_URL and DATABASE_URL; `moodmill worker` on each GPU, `moodmill label` where the dump is

    Settings come from the environment and a .env file: DATABASE_URL, REDIS_URL, HF_MODEL_REPO, HF_MODEL_REVISION and
    the MOODMILL_… ones that the README lists. Options override them.
    """


for command in (
    label,
    enqueue,
    worker,
    schedule,
    status,
    top,
    resume,
    dead,
    export,
    report,
    classify,
    train,
    evaluate,
    bench,
    db,
    settings,
    doctor,
    demo,
):
    moodmill.add_command(command)


def main() -> None:
    """Run the command line and exit with its status."""
    debug = "--debug" in sys.argv[1:]
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        sys.exit(moodmill(arguments, standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except MoodmillError as error:
        _tell(str(error), debug)
        sys.exit(error.status)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone, as `| head` does
        sys.exit(141)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        if isinstance(error, ImportError) and (remedy := missing_extra(error)):
            _tell(remedy, debug)
            sys.exit(1)
        _tell(f"a defect of moodmill: {type(error).__name__}: {error}; --debug shows where, please report it", debug)
        sys.exit(DEFECT_STATUS)


def _tell(message: str, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    click.echo(f"error: {visible(' '.join(message.split()))}", err=True)


if __name__ == "__main__":
    main()
