"""Transactions that are built for a buyer to sign: what they pay for, and how they are written."""

import base64

from aiohttp import web

from tillway.core.payments import Purchase
from tillway.core.ports.rails import Built
from tillway.core.services.subjects import addressed
from tillway.entrypoints.http.request import TENANT


def purchase_of(request: web.Request, resource_id: str, coupon: str | None) -> Purchase:
    """Give what is to be paid for: a product, or a cart or the like by its id."""
    purpose, resource = addressed(resource_id)
    return Purchase(
        tenant=request[TENANT], purpose=purpose, resource=resource, coupon=coupon or None
    )


def written(built: Built) -> dict[str, object]:
    """Write a transaction in the contract's words."""
    return {
        "transaction": base64.b64encode(built.transaction).decode(),
        "blockhash": built.blockhash,
        "feePayer": built.fee_payer,
        "lastValidBlockHeight": built.last_valid_height,
    }
