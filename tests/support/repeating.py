"""Asking again for a payment: what a buyer may show, and what a thief may rebuild."""

import base64
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from support.chain import Wallet
from support.shop import Answer, Shop, signature_of, v0_header, v1_header, v2_header

ARTICLE_PATH = "/paywall/article"


@frozen
class Paid:
    """A purchase in version 1, of which nothing came back but the transaction."""

    buyer: Wallet
    transaction: bytes
    answer: Answer

    @property
    def signature(self) -> str:
        """The landing signature, which everybody can see."""
        return str(self.answer.body["signature"])

    def word(self, moment: float, **changes: str) -> dict[str, str]:
        """Sign a wish to hear the answer again; ``changes`` replace headers afterwards."""
        message = f"repeat-payment:{self.signature}:{int(moment)}"
        return word_of(self.buyer, message, **changes)


def word_of(signer: Wallet, message: str, **changes: str) -> dict[str, str]:
    """Sign a message as the Cedros API's headers carry it."""
    signature = bytes(signer.keypair.sign_message(message.encode()))
    headers = {
        "X-Signer": str(signer.address),
        "X-Message": message,
        "X-Signature": base64.b64encode(signature).decode(),
    }
    return {**headers, **changes}


async def buy_bare(
    shop: Shop, headers: Mapping[str, str] | None = None, path: str = ARTICLE_PATH
) -> Paid:
    """Buy an article in version 1: the sealed quote does not come back."""
    buyer = shop.buyer()
    transaction = shop.sign(buyer, (await shop.offer()).offer)
    answer = await shop.get(path, {**v1_header(transaction), **(headers or {})})
    assert answer.status == 200, answer.body
    return Paid(buyer, transaction, answer)


async def rebuilt(shop: Shop, signature: str) -> list[dict[str, str]]:
    """Write every header that can be made of the chain and of the gateway's open routes.

    The transaction is taken as it landed, and with the sponsor's signature removed again; it is
    presented alone, and with a fresh quote for the same article.
    """
    landed = shop.chain.landings.get(signature)
    assert landed is not None
    fresh: Mapping[str, Any] = (await shop.offer()).offer
    headers = []
    for raw in (landed.wire, landed.wire[:1] + bytes(64) + landed.wire[65:]):
        sponsor = str(shop.sponsor.address)
        quote = {"quote": fresh["extra"]["quote"]}
        headers += [
            v1_header(raw),
            v2_header(raw, fresh),
            v2_header(raw, {**fresh, "extra": {"feePayer": sponsor}}),
            v0_header(raw, "article", feePayer=sponsor),
            v0_header(raw, "article", feePayer=sponsor, metadata=quote),
            v0_header(raw, "article", signature=signature_of(raw)),
        ]
    return headers
