"""What examples begin with, so that calls find something."""

from collections.abc import Mapping, Sequence
from typing import Final

from tillway.core.assets import USDC
from tillway.core.contracts.samples import (
    CREDITS,
    OURS,
    cart,
    checkout,
    coupon,
    delivery,
    entry,
    event,
    hold,
    inbound,
    nonce,
    product,
    quote_key,
    settled,
    watched,
)
from tillway.core.contracts.stores.side_by_side.calls import TIMES, Call
from tillway.core.contracts.stores.side_by_side.commerce import (
    MOST_REFUNDED,
    refund_of,
    subscription_of,
)
from tillway.core.contracts.stores.side_by_side.ledger import FREE
from tillway.core.contracts.stores.side_by_side.payments import claim_of, shares
from tillway.core.money import Money
from tillway.core.tenancy import DEFAULT

_LIMIT: Final = Money(MOST_REFUNDED, USDC)

SCENES: Final[Mapping[str, Sequence[Call]]] = {
    "payments": (
        *(Call("payments.claim", (claim_of(name),)) for name in "abcd"),
        Call("payments.settle", (watched(claim_of("b")), [event("b")], [entry("booked b")])),
        Call("payments.settle", (settled(claim_of("c")), [], [])),
        Call("events.seal_next", (1,)),
    ),
    "ledger": (
        Call("ledger.post", (entry("a", 100, account=CREDITS),)),
        Call("ledger.post", (entry("b", 100, account=FREE, at=TIMES[1]),)),
        Call("ledger.hold", (hold("a", 40, account=CREDITS, expires_at=TIMES[1]),)),
        Call("ledger.hold", (hold("b", 5, account=FREE, expires_at=TIMES[2]),)),
    ),
    "commerce": (
        *(Call("carts.add", (cart(name),)) for name in "ab"),
        *(Call("refunds.add", (refund_of(name), _LIMIT)) for name in "ab"),
        *(Call("subscriptions.add", (subscription_of(name),)) for name in "ab"),
        Call("checkouts.add", (checkout("a", DEFAULT, shares("a", DEFAULT), "cs_a"),)),
        Call("products.put", (DEFAULT, product("a", 1), TIMES[0])),
        Call("coupons.put", (DEFAULT, coupon("a"))),
        Call("quote_keys.add", (quote_key("a"),)),
    ),
    "requests": (
        Call("nonces.add", (nonce("a", expires_at=TIMES[3]),)),
        Call("answers.start", (DEFAULT, "a", "request", OURS, TIMES[0], TIMES[3])),
        *(Call("inbox.receive", (inbound(name),)) for name in "ab"),
        *(Call("deliveries.add", (delivery(name, endpoint="other"),)) for name in "ab"),
        Call("deliveries.take", (OURS, TIMES[1], TIMES[2], 1)),
        Call("leases.acquire", ("a", OURS, TIMES[0], TIMES[2])),
        Call("settings.put", (DEFAULT, "a", {"most": 0}, 0, TIMES[0], OURS)),
    ),
}
