"""What a request shows for a deed that only some may do."""

from collections.abc import Sequence
from typing import Final, Protocol

from aiohttp import web

from tillway.core.errors import Code, Declined
from tillway.core.payments import Word
from tillway.core.services.signatures import Deed, Shown, Signatures
from tillway.entrypoints.http.proofs import is_admin, word_in
from tillway.entrypoints.http.request import TENANT
from tillway.plugins.api import Parameter

OPERATOR: Final = "operator"
"""Who has done what was done with the operator's key."""


def parameters(
    wallet: str = "The wallet that signed.", message: str = "The text that it signed."
) -> Sequence[Parameter]:
    """Describe what a request shows, in its headers."""
    return (
        Parameter(name="X-Signer", where="header", description=wallet),
        Parameter(name="X-Message", where="header", description=message),
        Parameter(name="X-Signature", where="header", description="Its signature, in base64."),
        Parameter(
            name="Authorization",
            where="header",
            description="`Bearer <server.admin_api_key>`, in place of a signature.",
        ),
    )


class SaysWho(Protocol):
    """A body that may carry the signature, as clients of the Cedros server in Rust write it."""

    @property
    def nonce(self) -> str | None:
        """A nonce of ours, if it is not in the message."""
        ...

    @property
    def signer(self) -> str | None:
        """The wallet that signed."""
        ...

    @property
    def signature(self) -> str | None:
        """What it signed with, in base64."""
        ...


async def doer(request: web.Request, body: SaysWho, deed: Deed, signatures: Signatures) -> str:
    """Give who does this: the operator by his key, or whoever of the deed's signers signed it.

    Declined as `Signatures.verify` says. A nonce is used up by it.
    """
    if is_admin(request):
        return OPERATOR
    return await signatures.verify(request[TENANT], shown_in(request, body), deed)


async def signer(request: web.Request, deed: Deed, signatures: Signatures) -> str:
    """Give who has signed a deed, in the request's headers.

    Declined (unauthorized) if nobody has so that it counts; else as `Signatures.verify` says.
    """
    word = word_in(request)
    if word is None:
        text = f"Authentication is required: {deed.hint}."
        raise Declined(Code.UNAUTHORIZED, text, details={"hint": deed.hint})
    try:
        return await signatures.verify(request[TENANT], _shown(word), deed)
    except Declined as refusal:
        if refusal.code is not Code.INVALID_SIGNATURE:
            raise
        raise Declined(Code.UNAUTHORIZED, refusal.message, details={"hint": deed.hint}) from refusal


def shown_in(request: web.Request, body: SaysWho) -> Shown | None:
    """Give the signature that a request carries, in its headers or else in its body."""
    word = word_in(request)
    if word is not None:
        return _shown(word, body.nonce)
    if body.signer is None or body.signature is None:
        return None
    return Shown(signer=body.signer, signature=body.signature, nonce=body.nonce)


def _shown(word: Word, nonce: str | None = None) -> Shown:
    return Shown(signer=word.signer, signature=word.signature, message=word.message, nonce=nonce)
