"""Where a buyer may be sent to: addresses on hosts that the operator has named."""

from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from tillway.core.errors import Code, Declined


def refuse_elsewhere(url: str, hosts: Sequence[str], field: str) -> None:
    """Raise Declined (invalid_field) for what is no address on one of these hosts."""
    parts = _split(url)
    if parts is None or not _is_on(parts, hosts):
        raise Declined(
            Code.INVALID_FIELD, f"{field} must be an address on this shop's own hosts", field=field
        )


def _split(url: str) -> SplitResult | None:
    # Browsers read backslashes and controls in ways of their own.
    if not url.isascii() or not url.isprintable() or "\\" in url or " " in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    plain = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    return parts if plain and port != 0 else None


def _is_on(parts: SplitResult, hosts: Sequence[str]) -> bool:
    usual = 443 if parts.scheme == "https" else 80
    name, port = parts.hostname or "", parts.port or usual
    bare = f"[{name}]" if ":" in name else name
    named = {f"{bare}:{port}"} | ({bare} if port == usual else set())
    return not named.isdisjoint(host.lower() for host in hosts)
