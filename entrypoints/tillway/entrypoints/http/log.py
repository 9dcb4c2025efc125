"""The line that is logged for each request, and how it reads."""

from typing import Final

LINE: Final = "%s %s %d in %.1f ms, %d bytes, %s, %s"
"""Its record has just these arguments, so that it costs nothing until a formatter wants it."""

FIELDS: Final = ("method", "route", "status", "ms", "bytes", "request_id", "client")
"""What the arguments of `LINE` are called where lines have fields."""
