"""How often tests do something: few times, unless ``TILLWAY_TESTS=full`` asks for all."""

import os
from typing import Final

FULL: Final = os.environ.get("TILLWAY_TESTS") == "full"


def count(few: int, full: int) -> int:
    """Give how often to do something: few times, or the full count when that is asked for."""
    return full if FULL else few
