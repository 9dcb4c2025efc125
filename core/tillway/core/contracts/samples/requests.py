"""What requests leave behind, what others tell us, and what we tell others."""

from datetime import datetime

from tillway.core.contracts.samples.catalogue import event
from tillway.core.contracts.samples.commerce import TERM
from tillway.core.contracts.samples.payments import NOW
from tillway.core.deliveries import Delivery
from tillway.core.events import Event
from tillway.core.ids import Nonce, WebhookId
from tillway.core.ports.store import Answer, Inbound, Link, SingleUse
from tillway.core.tenancy import DEFAULT, Tenant


def nonce(
    name: str,
    tenant: Tenant = DEFAULT,
    purpose: str = "approve",
    expires_at: datetime = NOW + TERM,
) -> SingleUse:
    """Give a nonce that waits to be signed."""
    return SingleUse(
        nonce=Nonce(f"nonce-{name}"),
        tenant=tenant,
        purpose=purpose,
        created_at=NOW,
        expires_at=expires_at,
    )


def answer(status: int = 200, body: bytes = b"\x00\xff{}") -> Answer:
    """Give an answer to keep."""
    return Answer(status=status, headers={"Content-Type": "application/json"}, body=body)


def inbound(name: str, tenant: Tenant = DEFAULT, received_at: datetime = NOW) -> Inbound:
    """Give an event that a provider sent us."""
    return Inbound(
        tenant=tenant,
        source="stripe",
        id=f"evt_{name}",
        type="checkout.session.completed",
        received_at=received_at,
        body=b"\x00\xff" + name.encode(),
        headers={"Stripe-Signature": "t=1,v1=aa"},
    )


def delivery(
    name: str, tenant: Tenant = DEFAULT, endpoint: str = "shop", due_at: datetime = NOW
) -> Delivery:
    """Give a fact that waits to be sent to an endpoint."""
    fact = event(name, tenant)
    return Delivery(
        id=WebhookId(f"webhook_{name}_{endpoint}"),
        tenant=tenant,
        event=fact.id,
        event_type=fact.type,
        endpoint=endpoint,
        url="https://shop.example/hooks",
        payload='{"name":"naïve"}',
        created_at=NOW,
        due_at=due_at,
        headers={"X-Shop": "1"},
    )


def link(fact: Event, position: int, number: int | None = None) -> Link:
    """Give a fact's place, the same number as position if none is given."""
    return Link(
        position=position,
        tenant=fact.tenant,
        number=position if number is None else number,
        fact=fact.id,
        seal=f"{position:064x}",
    )
