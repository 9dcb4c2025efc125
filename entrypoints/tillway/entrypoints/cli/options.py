"""Options that several commands have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def config_option(function: F) -> F:
    """Add ``--config``."""
    option = click.option(
        "--config",
        "-c",
        "file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Settings in YAML; without it there are defaults and the environment.",
    )
    return option(function)
