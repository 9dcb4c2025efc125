"""Where a buyer goes after a checkout: to configured pages, or to others on configured hosts."""

from typing import Final
from urllib.parse import SplitResult, urlsplit

from attrs import field, frozen

from tillway.core.errors import Code, Declined

LONGEST: Final = 2_048
"""Characters of an address, as card providers take it."""

PLACE: Final = "{CHECKOUT_SESSION_ID}"

_PORTS: Final = {"http": 80, "https": 443}


@frozen(kw_only=True)
class Pages:
    """The configured pages. ``hosts`` are those that others may be on, ``host`` or ``host:port``.

    A host without a port is meant with the usual port of http or https. The hosts of the
    configured pages are among them.
    """

    success_url: str
    cancel_url: str
    hosts: frozenset[str] = frozenset()
    _allowed: frozenset[str] = field(init=False, repr=False)

    @_allowed.default
    def _all(self) -> frozenset[str]:
        own = {_place(urlsplit(each)) for each in (self.success_url, self.cancel_url)}
        return frozenset(each for each in own if each) | {each.lower() for each in self.hosts}

    def success(self, wish: str | None) -> str:
        """Give where whoever has paid goes; Declined (invalid_field) for a wish elsewhere."""
        return self.checked(wish, "successUrl") if wish else self.success_url

    def cancel(self, wish: str | None) -> str:
        """Give where whoever has not paid goes; Declined (invalid_field) for a wish elsewhere."""
        return self.checked(wish, "cancelUrl") if wish else self.cancel_url

    def checked(self, url: str, name: str) -> str:
        """Give an address of a client's if a buyer may be sent there; Declined if not."""
        if not self.allows(url):
            text = f"{name} must be an http(s) address on a host of stripe.redirect_hosts"
            raise Declined(Code.INVALID_FIELD, text, field=name)
        return url

    def allows(self, url: str) -> bool:
        """Tell whether a buyer may be sent to an address."""
        # Browsers read a backslash as a slash, and skip blanks and control characters.
        if len(url) > LONGEST or "\\" in url or any(not "!" <= each <= "~" for each in url):
            return False
        try:
            parts = urlsplit(url)
            place = _place(parts)
        except ValueError:
            return False
        return place is not None and "@" not in parts.netloc and place in self._allowed


def _place(parts: SplitResult) -> str | None:
    """Give host and port, the latter only if it is another than the scheme's."""
    usual = _PORTS.get(parts.scheme)
    if usual is None or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return host if parts.port in (None, usual) else f"{host}:{parts.port}"


def filled(url: str, session: str) -> str:
    """Give a page's address with a session's id in the place that providers fill."""
    return url.replace(PLACE, session)
