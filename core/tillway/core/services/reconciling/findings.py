"""What can be wrong between the gateway's rows, its books, its log, the chain and providers.

A kind's name is stable: scripts and alarms go by it. Its text says what it means for people.
"""

from collections import Counter
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from attrs import define, field, frozen


class Kind(StrEnum):
    """The name of one way in which two records can differ."""

    # A payment by itself.
    PAYMENT_WITHOUT_GRANT = "payment-without-grant"
    PAYMENT_WITHOUT_END = "payment-without-end"
    PAYMENT_WITHOUT_REASON = "payment-without-reason"
    PAYMENT_WITHOUT_TURN = "payment-without-turn"
    PAYMENT_OPEN_TOO_LONG = "payment-open-too-long"
    PAYMENT_NEVER_FINAL = "payment-never-final"
    PAYMENT_ENDED_BEFORE_ITS_CLAIM = "payment-ended-before-its-claim"
    # Payments and the ledger.
    ENTRY_MISSING = "entry-missing"
    ENTRY_AMOUNT = "entry-amount"
    ENTRY_ASSET = "entry-asset"
    ENTRY_WALLET = "entry-wallet"
    ENTRY_OWNER = "entry-owner"
    ENTRY_UNFOUNDED = "entry-unfounded"
    ENTRY_WITHOUT_PAYMENT = "entry-without-payment"
    REVERSAL_MISSING = "reversal-missing"
    REVERSAL_AMOUNT = "reversal-amount"
    REVERSAL_UNFOUNDED = "reversal-unfounded"
    DISPUTE_BOOKED_OTHERWISE = "dispute-booked-otherwise"
    BOOKS_UNSOUND = "books-unsound"
    # Payments and the log of facts.
    FACT_MISSING = "fact-missing"
    FACT_WITHOUT_PAYMENT = "fact-without-payment"
    FACT_UNFOUNDED = "fact-unfounded"
    FACT_AMOUNT = "fact-amount"
    FACT_RESOURCE = "fact-resource"
    FACT_PAYER = "fact-payer"
    # Payments and the chain.
    CHAIN_FAILED = "chain-failed"
    CHAIN_MISSING = "chain-missing"
    CHAIN_LANDED_THOUGH_FAILED = "chain-landed-though-failed"
    CHAIN_LANDED_THOUGH_REVERSED = "chain-landed-though-reversed"
    CHAIN_LANDED_THOUGH_OPEN = "chain-landed-though-open"
    ARRIVAL_UNKNOWN = "arrival-unknown"
    ARRIVAL_AMOUNT = "arrival-amount"
    ARRIVAL_ASSET = "arrival-asset"
    ARRIVAL_PLACE = "arrival-place"
    ARRIVAL_PAYER = "arrival-payer"
    # Refunds.
    REFUND_NOT_QUEUED = "refund-not-queued"
    REFUND_WITHOUT_PURCHASE = "refund-without-purchase"
    REFUND_ASSET = "refund-asset"
    REFUND_RECIPIENT = "refund-recipient"
    REFUND_TOO_MUCH = "refund-too-much"
    REFUND_WITHOUT_PROOF = "refund-without-proof"
    REFUND_OF_WHAT_BOUGHT = "refund-of-what-bought"
    REFUND_WITHOUT_PAYMENT = "refund-without-payment"
    REFUND_PAID_OTHERWISE = "refund-paid-otherwise"
    REFUND_NOT_BOOKED = "refund-not-booked"
    REFUND_BOOKED_OTHERWISE = "refund-booked-otherwise"
    REFUND_NOT_TOLD = "refund-not-told"
    REFUND_ENTRY_UNFOUNDED = "refund-entry-unfounded"
    REFUND_FACT_UNFOUNDED = "refund-fact-unfounded"
    REFUND_FACT_AMOUNT = "refund-fact-amount"
    # Carts.
    CART_MISSING = "cart-missing"
    CART_NOT_PAID = "cart-not-paid"
    CART_PAID_OTHERWISE = "cart-paid-otherwise"
    CART_AMOUNT = "cart-amount"
    # Coupons.
    COUPON_COUNT = "coupon-count"
    # Checkouts.
    CHECKOUT_MISSING = "checkout-missing"
    CHECKOUT_NOT_PAID = "checkout-not-paid"
    CHECKOUT_AMOUNT = "checkout-amount"
    CHECKOUT_RESOURCE = "checkout-resource"
    CHECKOUT_OVERDUE = "checkout-overdue"
    # The provider's account.
    PROVIDER_SESSION_UNKNOWN = "provider-session-unknown"
    PROVIDER_SESSION_MISSING = "provider-session-missing"
    PROVIDER_SESSION_OVER = "provider-session-over"
    PROVIDER_SESSION_OPEN = "provider-session-open"
    PROVIDER_PAID_NOT_BOOKED = "provider-paid-not-booked"
    PROVIDER_NOT_PAID = "provider-not-paid"
    PROVIDER_AMOUNT = "provider-amount"
    PROVIDER_CURRENCY = "provider-currency"
    PROVIDER_REFUND_UNKNOWN = "provider-refund-unknown"
    PROVIDER_REFUND_NOT_BOOKED = "provider-refund-not-booked"
    PROVIDER_REFUND_FAILED = "provider-refund-failed"
    PROVIDER_REFUND_AMOUNT = "provider-refund-amount"
    # What providers tell.
    EVENT_GIVEN_UP = "event-given-up"
    EVENT_WAITING_TOO_LONG = "event-waiting-too-long"
    # Subscriptions.
    SUBSCRIPTION_OVERDUE = "subscription-overdue"
    SUBSCRIPTION_PERIOD = "subscription-period"
    SUBSCRIPTION_DUE_THOUGH_ENDED = "subscription-due-though-ended"
    SUBSCRIPTION_WITHOUT_PROVIDER = "subscription-without-provider"


MEANINGS: Final = MappingProxyType(
    {
        Kind.PAYMENT_WITHOUT_GRANT: "A payment is settled, and what its buyer was given is lost.",
        Kind.PAYMENT_WITHOUT_END: "A payment has ended at no time.",
        Kind.PAYMENT_WITHOUT_REASON: "A payment bought nothing, and nothing says why.",
        Kind.PAYMENT_WITHOUT_TURN: "Money has arrived that was never counted as arrived.",
        Kind.PAYMENT_OPEN_TOO_LONG: "A payment is open, and nobody has looked at it for an hour.",
        Kind.PAYMENT_NEVER_FINAL: "A payment is watched for its finality for longer than a day.",
        Kind.PAYMENT_ENDED_BEFORE_ITS_CLAIM: "A payment ended before it was claimed.",
        Kind.ENTRY_MISSING: "Money has arrived that the ledger has no entry of.",
        Kind.ENTRY_AMOUNT: "The ledger has booked another amount than was paid.",
        Kind.ENTRY_ASSET: "The ledger has booked another asset than was paid.",
        Kind.ENTRY_WALLET: "The ledger says that the money lies elsewhere than it was paid to.",
        Kind.ENTRY_OWNER: "The ledger gives the money to somebody else.",
        Kind.ENTRY_UNFOUNDED: "The ledger has an entry of money that did not arrive.",
        Kind.ENTRY_WITHOUT_PAYMENT: "The ledger has an entry of a payment that is not there.",
        Kind.REVERSAL_MISSING: "Money that is gone again is still in the ledger.",
        Kind.REVERSAL_AMOUNT: "A reversal takes back something else than was booked.",
        Kind.REVERSAL_UNFOUNDED: "The ledger reverses a payment that stands.",
        Kind.DISPUTE_BOOKED_OTHERWISE: "The ledger differs from what a bank has taken back.",
        Kind.BOOKS_UNSOUND: "The log or the ledger is not sound in itself: see `ledger verify`.",
        Kind.FACT_MISSING: "Nobody was told of a payment.",
        Kind.FACT_WITHOUT_PAYMENT: "A payment was told that is not there.",
        Kind.FACT_UNFOUNDED: "A payment was told to have ended otherwise than it did.",
        Kind.FACT_AMOUNT: "A payment was told with another amount.",
        Kind.FACT_RESOURCE: "A payment was told for something else.",
        Kind.FACT_PAYER: "A payment was told of somebody else.",
        Kind.CHAIN_FAILED: "A payment counts as arrived, and the chain shows that it failed.",
        Kind.CHAIN_MISSING: "A payment counts as arrived, and the chain cannot have it.",
        Kind.CHAIN_LANDED_THOUGH_FAILED: "A payment counts as failed, and its money has arrived.",
        Kind.CHAIN_LANDED_THOUGH_REVERSED: "A payment counts as gone, and its money is there.",
        Kind.CHAIN_LANDED_THOUGH_OPEN: "The money of an open payment has long arrived.",
        Kind.ARRIVAL_UNKNOWN: "Money arrived of which there is no payment.",
        Kind.ARRIVAL_AMOUNT: "Another amount arrived than the payment has.",
        Kind.ARRIVAL_ASSET: "Another asset arrived than the payment has.",
        Kind.ARRIVAL_PLACE: "The money arrived elsewhere than the payment says.",
        Kind.ARRIVAL_PAYER: "The money came from somebody else than the payment says.",
        Kind.REFUND_NOT_QUEUED: "Money bought nothing, and nothing is queued to give it back.",
        Kind.REFUND_WITHOUT_PURCHASE: "A refund is for a payment that is not there.",
        Kind.REFUND_ASSET: "A refund is in another asset than was paid.",
        Kind.REFUND_RECIPIENT: "A refund goes to somebody who did not pay.",
        Kind.REFUND_TOO_MUCH: "The refunds of a payment come to more than was paid.",
        Kind.REFUND_WITHOUT_PROOF: "A refund counts as paid, and nothing shows by what.",
        Kind.REFUND_OF_WHAT_BOUGHT: "A refund is for money that bought nothing, but it bought.",
        Kind.REFUND_WITHOUT_PAYMENT: "A refund counts as paid with what is no payment of it.",
        Kind.REFUND_PAID_OTHERWISE: "A refund was paid with another amount than it is of.",
        Kind.REFUND_NOT_BOOKED: "A refund was paid that the ledger has no entry of.",
        Kind.REFUND_BOOKED_OTHERWISE: "The ledger has booked another amount than a refund is of.",
        Kind.REFUND_NOT_TOLD: "Nobody was told of a refund that was paid.",
        Kind.REFUND_ENTRY_UNFOUNDED: "The ledger has an entry of a refund that was not paid.",
        Kind.REFUND_FACT_UNFOUNDED: "A refund was told that is not there.",
        Kind.REFUND_FACT_AMOUNT: "A refund was told with another amount.",
        Kind.CART_MISSING: "A cart was paid that is not there.",
        Kind.CART_NOT_PAID: "A cart was paid and is open.",
        Kind.CART_PAID_OTHERWISE: "A cart is paid with another payment.",
        Kind.CART_AMOUNT: "A cart was paid with another amount than it costs.",
        Kind.COUPON_COUNT: "A coupon's count is not what payments and checkouts have used of it.",
        Kind.CHECKOUT_MISSING: "Money came from a provider for a checkout that is not there.",
        Kind.CHECKOUT_NOT_PAID: "Money came from a provider, and the checkout is not paid.",
        Kind.CHECKOUT_AMOUNT: "A checkout was paid with another amount than it asked.",
        Kind.CHECKOUT_RESOURCE: "A checkout was paid for something else.",
        Kind.CHECKOUT_OVERDUE: "A checkout ended a day ago, and nobody knows how.",
        Kind.PROVIDER_SESSION_UNKNOWN: "The provider has a session of ours that we do not know.",
        Kind.PROVIDER_SESSION_MISSING: "A payment came by a session that the provider has not.",
        Kind.PROVIDER_SESSION_OVER: "A session is over, and its checkout may yet be paid.",
        Kind.PROVIDER_SESSION_OPEN: "A checkout is paid, and its session is not complete.",
        Kind.PROVIDER_PAID_NOT_BOOKED: "A session was paid, and there is no payment of it.",
        Kind.PROVIDER_NOT_PAID: "A payment is settled whose session was not paid.",
        Kind.PROVIDER_AMOUNT: "The provider took another amount than the payment has.",
        Kind.PROVIDER_CURRENCY: "The provider took another currency than the payment has.",
        Kind.PROVIDER_REFUND_UNKNOWN: "The provider gave money back that is no refund here.",
        Kind.PROVIDER_REFUND_NOT_BOOKED: "The provider has paid a refund that still waits here.",
        Kind.PROVIDER_REFUND_FAILED: "A refund counts as paid that has failed at the provider.",
        Kind.PROVIDER_REFUND_AMOUNT: "The provider gave another amount back than the refund is of.",
        Kind.EVENT_GIVEN_UP: "A provider has told something that could not be applied.",
        Kind.EVENT_WAITING_TOO_LONG: "A provider told something days ago that still waits.",
        Kind.SUBSCRIPTION_OVERDUE: "A subscription was due a day ago, and nobody has looked at it.",
        Kind.SUBSCRIPTION_PERIOD: "A subscription's period ends before it begins.",
        Kind.SUBSCRIPTION_DUE_THOUGH_ENDED: "A subscription has ended and waits to be looked at.",
        Kind.SUBSCRIPTION_WITHOUT_PROVIDER: "A subscription by card has no id at the provider.",
    }
)
"""Complete over `Kind`: a test fails when one lacks its meaning."""


@frozen(kw_only=True)
class Finding:
    """One difference. ``about`` is the id by which both sides can be found again."""

    kind: Kind
    about: str
    text: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.kind}: {self.about}: {self.text}"


MOST_KEPT: Final = 10_000


@define
class Findings:
    """What was found, up to a bound, and how much of it there was."""

    kept: list[Finding] = field(factory=list, init=False)
    counts: Counter[Kind] = field(factory=Counter, init=False)

    def add(self, finding: Finding) -> None:
        """Take a finding."""
        self.counts[finding.kind] += 1
        if len(self.kept) < MOST_KEPT:
            self.kept.append(finding)

    @property
    def total(self) -> int:
        """How many there were."""
        return self.counts.total()
