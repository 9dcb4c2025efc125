"""What people are told when a command cannot do its work."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import click

from tillway.core.errors import TillwayError
from tillway.entrypoints.processes.failures import CannotStart
from tillway.entrypoints.settings.faults import SettingsError
from tillway.plugins.registry import PluginError

_log = logging.getLogger(__name__)

CANNOT: Final = 2
"""The exit code of a command that could not begin or go on."""

INTERRUPTED: Final = 130

EXTRAS: Final = {"solders": "solana", "solana": "solana"}
"""Which extra of ours installs what a command itself imports."""


@contextmanager
def plainly() -> Iterator[None]:
    """Turn the errors that people can do something about into one clear line and exit 2."""
    try:
        yield
    except (KeyboardInterrupt, click.Abort):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _leave_quietly()
    except Exception as error:
        words = words_for(error)
        if words is None:
            raise
        stop(words)


def attempt(work: Callable[[], int]) -> int:
    """Do a process's work and give its exit code; what fails is told as `plainly` tells it."""
    try:
        with plainly():
            return work()
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 1
    except Exception:  # the process ends here, so nobody else would hear of it
        _log.exception("this process failed")
        return 1


def stop(text: str) -> NoReturn:
    """Say why on the error output and leave."""
    click.secho(text, fg="red", err=True)
    sys.exit(CANNOT)


def words_for(error: Exception) -> str | None:
    """Say in one line what is wrong, None for what is a mistake of ours.

    Settings that are wrong get a line for each fault.
    """
    return next((words(error) for kind, words in _WORDS if isinstance(error, kind)), None)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _of_the_gateway(error: TillwayError) -> str:
    return " ".join(error.message.split())


def _of_the_command(error: click.ClickException) -> str:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message()
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f" ({context.command_path} --help tells more)" if context else ""
    return " ".join(error.format_message().split()).removesuffix(".") + hint


def _of_a_module(error: ModuleNotFoundError) -> str | None:
    missing = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(missing)
    return f"this needs {missing!r}: pip install 'tillway[{extra}]'" if extra else None


def _of_the_system(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or error}"


_WORDS: Final[Sequence[tuple[type[Exception], Callable[[Any], str | None]]]] = (
    (click.ClickException, _of_the_command),
    (SettingsError, str),
    (TillwayError, _of_the_gateway),
    (CannotStart, _line),
    (PluginError, _line),
    (ModuleNotFoundError, _of_a_module),
    (OSError, _of_the_system),
)


def _leave_quietly() -> NoReturn:
    """Leave as others do when nobody reads their output any more."""
    # Python flushes at exit, and would complain then.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)
