"""One x402 v2 purchase, as bytes: the request for an offer, and the request that pays it."""

import base64
import os
from collections.abc import Mapping
from typing import Any, Final

import orjson
from solders.hash import Hash
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from bench.wallets import RESOURCE
from bench.wire import Answer, request
from support.chain import Wallet, pay
from support.shop import v2_header

PATH: Final = f"/paywall/{RESOURCE}"
ASK: Final = request("GET", PATH)
_MEMO_BYTES: Final = 16


def offer_in(answer: Answer) -> Mapping[str, Any]:
    """Read the first offer of a 402. ValueError for any other answer."""
    header = answer.header("PAYMENT-REQUIRED")
    if answer.status != 402 or header is None:
        raise ValueError(f"no offer, but {answer.status}: {answer.body[:500]!r}")
    first: Mapping[str, Any] = orjson.loads(base64.b64decode(header))["accepts"][0]
    return first


def paying(offer: Mapping[str, Any], buyer: Keypair, blockhash: Hash) -> bytes:
    """Sign what an offer asks for, and write the request; with a memo of ours if none is asked."""
    extra = offer["extra"]
    transaction = pay(
        Wallet(buyer),
        Pubkey.from_string(offer["payTo"]),
        int(offer["amount"]),
        blockhash,
        note=extra.get("memo") or os.urandom(_MEMO_BYTES).hex(),
        fee_payer=Pubkey.from_string(extra["feePayer"]),
    )
    return request("GET", PATH, v2_header(bytes(transaction), offer))
