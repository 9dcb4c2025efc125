"""HTML that nothing gets into by accident: text is escaped unless it was made here."""

from collections.abc import Iterable
from html import escape
from string import Template


class Html(str):
    """Markup of ours. Everything else is text."""

    __slots__ = ()


def fill(template: str, **values: str) -> Html:
    """Fill a template's ``$names``; what is not `Html` is escaped, quotes included.

    Raises KeyError for a name without a value.
    """
    return Html(Template(template).substitute({name: text(each) for name, each in values.items()}))


def text(value: str) -> str:
    """Give markup as it is, and text escaped."""
    return value if isinstance(value, Html) else escape(value, quote=True)


def joined(parts: Iterable[Html]) -> Html:
    """Put markup together."""
    return Html("".join(parts))


NOTHING = Html()
