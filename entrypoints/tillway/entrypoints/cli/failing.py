"""What people are told when a command cannot do its work."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from tillway.core.errors import TillwayError
from tillway.entrypoints.settings.faults import SettingsError
from tillway.plugins.registry import PluginError

CANNOT = 2
"""The exit code of a command that could not begin or go on."""


@contextmanager
def plainly() -> Iterator[None]:
    """Turn the errors that people can do something about into one clear line and exit 2."""
    try:
        yield
    except SettingsError as faults:
        stop(str(faults))
    except (PluginError, TillwayError) as error:
        stop(str(error))
    except OSError as error:
        stop(_of_the_system(error))
    except KeyboardInterrupt:
        sys.exit(130)


def stop(text: str) -> None:
    """Say why on the error output and leave."""
    click.secho(text, fg="red", err=True)
    sys.exit(CANNOT)


def _of_the_system(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"the port is in use: {error.strerror}; choose another"
    place = f" {error.filename}" if error.filename else ""
    return f"{os.strerror(error.errno) if error.errno else error}{place}"
