"""Receipts: what a payment header is answered with, in the payer's own dialect."""

from collections.abc import Mapping

from tillway.core.payments import Payment
from tillway.core.ports.rails import Proof
from tillway.entrypoints.paywall.envelopes import (
    PAYMENT_RESPONSE,
    X_PAYMENT_RESPONSE,
    encoded,
)


def receipt(proof: Proof, payment: Payment) -> Mapping[str, str]:
    """Give the header of a payment that is settled."""
    if proof.version == 0:
        body: dict[str, object] = {
            "success": True,
            "error": None,
            "txHash": payment.signature,
            "networkId": proof.network,
        }
        return {X_PAYMENT_RESPONSE: encoded(body)}
    body = {
        "success": True,
        "transaction": payment.signature,
        "network": proof.network,
        "payer": payment.payer,
    }
    return {_header(proof): encoded(body)}


def failed_receipt(proof: Proof, reason: str, transaction: str) -> Mapping[str, str]:
    """Give the header of a payment that was not settled, or not yet."""
    if proof.version == 0:
        body: dict[str, object] = {
            "success": False,
            "error": reason,
            "txHash": transaction or None,
            "networkId": proof.network,
        }
        return {X_PAYMENT_RESPONSE: encoded(body)}
    body = {
        "success": False,
        "errorReason": reason,
        "transaction": transaction,
        "network": proof.network,
    }
    return {_header(proof): encoded(body)}


def _header(proof: Proof) -> str:
    return PAYMENT_RESPONSE if proof.version == 2 else X_PAYMENT_RESPONSE
