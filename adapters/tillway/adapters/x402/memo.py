"""What is written on a transaction, and what that binds it to."""

import re
from functools import lru_cache
from typing import Final

from tillway.adapters.x402.programs import MEMO
from tillway.adapters.x402.reasons import Reason, refused
from tillway.adapters.x402.transaction import Transaction
from tillway.core.errors import Code
from tillway.core.quotes import AUTHENTICATOR_LENGTH, Quote, read_authenticator

DEFAULT_TEMPLATE: Final = "{{resource}}:{{nonce}}"
MOST_BYTES: Final = 256
"""Of a memo that we ask for. The x402 protocol allows no more either."""

_PLACEHOLDER: Final = re.compile(r"\{\{(resource|nonce)\}\}|\{(resource|nonce)\}")
_SOME: Final = "A" * AUTHENTICATOR_LENGTH


def fill(template: str | None, resource: str, authenticator: str) -> str:
    """Write a v0 memo: the template with the authenticator as its nonce.

    Both spellings of a placeholder are filled, in one pass. A template from which the
    authenticator could not be read again gets it at its end; one that would become too long
    is dropped for the bare authenticator.
    """
    return authenticator.join(around(template, resource))


@lru_cache(maxsize=1024)
def around(template: str | None, resource: str) -> tuple[str, ...]:
    """Give the texts between which authenticators stand: all are of one length and alphabet."""
    pieces = [""]
    end = 0
    template = template or DEFAULT_TEMPLATE
    for found in _PLACEHOLDER.finditer(template):
        pieces[-1] += template[end : found.start()]
        end = found.end()
        if "resource" in found.groups():
            pieces[-1] += resource
        else:
            pieces.append("")
    pieces[-1] += template[end:]
    if str(read_authenticator(_SOME.join(pieces))) != _SOME:
        pieces = [*pieces[:-1], f"{pieces[-1]}:", ""]
    return tuple(pieces) if len(_SOME.join(pieces).encode()) <= MOST_BYTES else ("", "")


def texts(transaction: Transaction) -> list[str]:
    """Give the memos in their order.

    Raises Declined for one that is not UTF-8: the memo program would not run it.
    """
    try:
        return [one.data.decode() for one in transaction.instructions if one.program == MEMO]
    except UnicodeDecodeError as error:
        raise refused(Reason.MEMO, "The memo is not UTF-8.") from error


def only(transaction: Transaction) -> str | None:
    """Give the memo that counts: the one, if it is the only one.

    None if there is none, or are several of which none is ours. Raises Declined if one of
    several is ours: a transaction is bound to one quote at most.
    """
    found = texts(transaction)
    if len(found) > 1 and any(read_authenticator(one) is not None for one in found):
        raise refused(Reason.MEMO_COUNT, "A payment carries exactly one memo.")
    return found[0] if len(found) == 1 else None


def binds(text: str | None, quote: Quote, *, bare: bool) -> bool:
    """Tell whether a memo carries the quote's authenticator; False if it carries none.

    ``bare`` demands that the memo is nothing else. Raises Declined if it is another quote's.
    """
    found = read_authenticator(text) if text is not None else None
    if found is None:
        return False
    if (found.expires_at, found.nonce) != (quote.expires_at, quote.nonce):
        raise refused(Reason.MEMO)
    if bare and text != str(found):
        raise refused(Reason.MEMO)
    return True


def require_bound(bound: bool, *, sealed: bool, exclusive: bool) -> None:
    """Refuse a payment without our memo where only the memo could tell what it is for.

    ``sealed`` tells that our quote came with it, which asked for the memo; ``exclusive`` that
    a sponsor key pays the fee that no other gateway has, so that no other could take it.
    """
    if bound or (exclusive and not sealed):
        return
    raise refused(
        Reason.MEMO_COUNT, "The payment must carry the quoted memo.", code=Code.MISSING_MEMO
    )
