"""Entries and holds, of an account of credits that one user has."""

from datetime import datetime
from typing import Final

from tillway.core.assets import USDC, Asset
from tillway.core.contracts.samples.commerce import TERM
from tillway.core.contracts.samples.payments import NOW
from tillway.core.ledger import Account, AccountKind, Entry, EntryKey, Hold, HoldId, Posting
from tillway.core.money import Money
from tillway.core.payments import Chain, PaymentKey
from tillway.core.tenancy import DEFAULT, Tenant

LARGE: Final = 2**53
"""The least amount for which every store asks whether 64 bits hold what it comes to."""

CREDITS: Final = Account(AccountKind.CREDITS, "user-1")
ISSUED: Final = Account(AccountKind.ISSUED, "gateway")


def posting(
    minor: int, account: Account = CREDITS, least: int | None = None, asset: Asset = USDC
) -> Posting:
    """Give a change of one account."""
    return Posting(account=account, amount=Money(minor, asset), least=least)


def entry(
    name: str,
    minor: int = 100,
    tenant: Tenant = DEFAULT,
    *,
    least: int | None = None,
    account: Account = CREDITS,
    asset: Asset = USDC,
    at: datetime = NOW,
) -> Entry:
    """Give an entry that puts so much into an account, or takes it out if that is below zero."""
    return Entry(
        key=EntryKey(f"entry-{name}"),
        tenant=tenant,
        at=at,
        postings=(
            posting(minor, account, least, asset),
            posting(-minor, ISSUED, asset=asset),
        ),
        about={"for": name},
    )


def hold(
    name: str,
    minor: int = 10,
    tenant: Tenant = DEFAULT,
    *,
    account: Account = CREDITS,
    expires_at: datetime = NOW + TERM,
    claim: tuple[Chain, PaymentKey] | None = None,
) -> Hold:
    """Give an open hold on what is in an account."""
    return Hold(
        id=HoldId(f"hold-{name}"),
        tenant=tenant,
        account=account,
        amount=Money(minor, USDC),
        created_at=NOW,
        expires_at=expires_at,
        claim=claim,
    )
