"""Payments by the offers of a gateway that is served, in every version of x402."""

import base64
import time
from collections.abc import Mapping
from typing import Any, Final

import orjson
from attrs import define, field
from solders.message import to_bytes_versioned
from solders.transaction import VersionedTransaction

from support.chain import Wallet, blockhash_of, pay
from support.raw_http import request
from support.served import Gateway

VERSIONS: Final = ("v0", "v0 gasless", "v1", "v2")

FRESH: Final = 20.0
"""Seconds for which offers and blockhashes are used."""

Envelope = Mapping[str, Any]


@define
class Payments:
    """Makes payments of one buyer that are good, unless the buyer has too little."""

    gateway: Gateway
    buyer: Wallet
    _made: Mapping[str, Envelope] = field(factory=dict, init=False)
    _until: float = field(default=0.0, init=False)

    def envelope(self, version: str) -> Envelope:
        """Give a payment that is at most 20 s old; it may have been given before."""
        if time.monotonic() >= self._until:
            self._made = self.fresh()
            self._until = time.monotonic() + FRESH
        return self._made[version]

    def fresh(self) -> Mapping[str, Envelope]:
        """Ask for new offers and sign what they want, in every version."""
        quoted = self._asked(request(b"POST", b"/paywall/v1/quote", (), b'{"resource":"article"}'))
        offered = self._asked(request(b"GET", b"/paywall/article"), "payment-required")
        old, new = quoted["accepts"][0], offered["accepts"][0]
        own = self.signed(old["extra"]["memo"], old["maxAmountRequired"], sponsored=False)
        sponsored = self.signed(new["extra"]["memo"], new["amount"])
        return {
            "v0": _v0(own, old),
            "v0 gasless": _v0(sponsored, old, feePayer=old["extra"]["feePayer"]),
            "v1": _v1(sponsored),
            "v2": _v2(sponsored, new),
        }

    def signed(self, memo: str, amount: str, *, sponsored: bool = True) -> bytes:
        """Sign a transfer to the merchant with a blockhash of now."""
        gateway = self.gateway
        sponsor = gateway.sponsor.address if sponsored else None
        latest = gateway.chain.do(blockhash_of)
        merchant = gateway.merchant.address
        made = pay(self.buyer, merchant, int(amount), latest, note=memo, fee_payer=sponsor)
        return bytes(made)

    def _asked(self, raw: bytes, header: str | None = None) -> Any:
        reply = self.gateway.wire.ask(raw)
        assert reply.status == 402, reply
        told = reply.header(header) if header else None
        return orjson.loads(base64.b64decode(told)) if told else reply.json()


def transaction_of(envelope: Envelope) -> bytes:
    """Give the transaction that a payment carries."""
    return base64.b64decode(envelope["payload"]["transaction"])


def carrying(envelope: Envelope, transaction: bytes) -> Envelope:
    """Give the same payment with another transaction."""
    return spelling(envelope, base64.b64encode(transaction).decode())


def spelling(envelope: Envelope, text: str) -> Envelope:
    """Give the same payment with its transaction written like this."""
    return {**envelope, "payload": {**envelope["payload"], "transaction": text}}


def signed_again(raw: bytes, wallet: Wallet) -> bytes:
    """Put a wallet's true signature where it has to sign; what is no transaction stays."""
    try:
        transaction = VersionedTransaction.from_bytes(raw)
    except ValueError:
        return raw
    message, signatures = transaction.message, list(transaction.signatures)
    signers = message.account_keys[: message.header.num_required_signatures]
    if wallet.address not in signers or len(signers) != len(signatures):
        return raw
    place = signers.index(wallet.address)
    signatures[place] = wallet.keypair.sign_message(to_bytes_versioned(message))
    return bytes(VersionedTransaction.populate(message, signatures))


def _v0(transaction: bytes, offer: Mapping[str, Any], **more: str) -> Envelope:
    return {
        "x402Version": 0,
        "scheme": "solana-spl-transfer",
        "network": offer["network"],
        "payload": {
            "signature": "",
            "transaction": base64.b64encode(transaction).decode(),
            "resource": "article",
            "resourceType": "regular",
            "metadata": {"quote": offer["extra"]["quote"], "note": "mine"},
            **more,
        },
    }


def _v1(transaction: bytes) -> Envelope:
    payload = {"transaction": base64.b64encode(transaction).decode()}
    return {"x402Version": 1, "scheme": "exact", "network": "solana-devnet", "payload": payload}


def _v2(transaction: bytes, offer: Mapping[str, Any]) -> Envelope:
    payload = {"transaction": base64.b64encode(transaction).decode()}
    return {"x402Version": 2, "accepted": offer, "payload": payload, "extensions": {}}
