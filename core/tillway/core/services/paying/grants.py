"""What a buyer receives."""

from collections.abc import Mapping

from tillway.core.payments import Payment
from tillway.core.quotes import Purpose


def grant_of(payment: Payment) -> Mapping[str, object]:
    """Give the answer that grants the purchase, as it is stored and sent for every repeat.

    The contract has one shape for resources and another for what has an id of ours.
    """
    about = _ABOUT.get(payment.purchase.purpose)
    paid = {"wallet": payment.payer or None, "signature": payment.signature or None}
    if about is None:
        return {
            "success": True,
            "resource": payment.purchase.resource,
            "granted": True,
            "method": method_of(payment),
            **paid,
        }
    text, name = about
    return {
        "success": True,
        "message": text + payment.purchase.resource,
        "method": method_of(payment),
        name: payment.purchase.resource,
        **paid,
    }


def method_of(payment: Payment) -> str:
    """Give the word by which a payment is reported: the rail's, with what was paid where it says.

    Only of x402 does the contract tell carts and refunds apart.
    """
    if payment.method != "x402" or payment.purchase.purpose not in _ABOUT:
        return payment.method
    return f"{payment.method}-{payment.purchase.purpose}"


_ABOUT: Mapping[Purpose, tuple[str, str]] = {
    Purpose.CART: ("Payment verified for cart ", "cartId"),
    Purpose.REFUND: ("Refund verified for ", "refundId"),
}
