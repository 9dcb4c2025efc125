"""Who gets the page: browsers that somebody looks at, and nobody else."""

from collections.abc import Iterator, Mapping
from typing import Final

from tillway.entrypoints.paywall.access import X_STRIPE_SESSION
from tillway.entrypoints.paywall.envelopes import PAYMENT_SIGNATURE, X_PAYMENT
from tillway.entrypoints.paywall.request import SIGNATURE_HEADERS, Request

_NO_BROWSER: Final = (PAYMENT_SIGNATURE, X_PAYMENT, X_STRIPE_SESSION, *SIGNATURE_HEADERS)
_LONGEST: Final = 1024


def wants_page(request: Request) -> bool:
    """Tell whether a request is a browser's that shows what it gets.

    It names HTML in its Accept header and likes it better than JSON. A client that takes anything
    (``*/*``), or that pays, is none.
    """
    if request.method != "GET" or any(name in request.headers for name in _NO_BROWSER):
        return False
    accept = request.headers.get("Accept", "")
    if len(accept) > _LONGEST:
        return False
    liked = dict(_ranges(accept))
    html = liked.get("text/html", 0.0)
    return html > 0 and html > _json(liked)


def _json(liked: Mapping[str, float]) -> float:
    names = ("application/json", "application/*", "*/*")
    return next((liked[name] for name in names if name in liked), 0.0)


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        name, *parameters = (each.strip().lower() for each in part.split(";"))
        yield name, _quality(parameters)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0
