"""What a payment's end books in the ledger."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from attrs import evolve

from tillway.core.disputes import taken_back
from tillway.core.ledger import Account, AccountKind, Entry, EntryKey, Posting
from tillway.core.money import Money
from tillway.core.paid import added_to, paid_in_all, shares
from tillway.core.payments import Payment, State
from tillway.core.quotes import Purpose


def entries_of(payment: Payment) -> Sequence[Entry]:
    """Give the entries of a payment's present state, which is to be stored with them.

    Money that has arrived lies in the wallet that was paid, and is earned, or owed to whoever
    paid if it buys nothing; a reversal books the opposite. Keys carry the turn, so that the
    same end is booked once and the next one again. Nothing is booked for a price of zero, nor
    for what never arrived. What pays a refund goes the other way: the refund books it.
    """
    if paid_in_all(payment).minor == 0 or payment.state not in _BOOKED:
        return ()
    if payment.purchase.purpose is Purpose.REFUND:
        return () if payment.grant is not None else excess_of(payment)
    name = f"payment:{payment.chain}:{payment.key}:{payment.turn}"
    main = _entry(payment, name, payment.amount, owner_of(payment))
    return (main, *_apart(payment, name))


def _apart(payment: Payment, name: str) -> Iterable[Entry]:
    """Book what came with a price and is not earned: taxes and shipping, as the provider said."""
    for part, minor in added_to(payment).items():
        amount = evolve(payment.amount, minor=minor)
        yield _entry(payment, f"{name}:{part}", amount, account_of(payment, part))


def _entry(payment: Payment, name: str, amount: Money, whose: Account) -> Entry:
    gone = payment.state is State.REVERSED
    arrived = -amount if gone else amount
    return Entry(
        key=EntryKey(f"{name}:reversed" if gone else name),
        tenant=payment.tenant,
        at=payment.ended_at or payment.created_at,
        postings=(
            Posting(account=Account(AccountKind.WALLET, payment.pay_to), amount=-arrived),
            Posting(account=whose, amount=arrived),
        ),
        about={
            "state": payment.state.value,
            "rail": payment.rail,
            "resource": payment.purchase.resource,
            "signature": payment.signature,
        },
    )


def excess_of(payment: Payment) -> Sequence[Entry]:
    """Give the entries of a payment to a customer to whom nothing was due: he owes it."""
    entry = Entry(
        key=EntryKey(f"excess:{payment.chain}:{payment.key}:{payment.turn}"),
        tenant=payment.tenant,
        at=payment.ended_at or payment.created_at,
        postings=(
            Posting(account=Account(AccountKind.WALLET, payment.payer), amount=payment.amount),
            Posting(account=Account(AccountKind.CUSTOMER, payment.pay_to), amount=-payment.amount),
        ),
        about={
            "state": payment.state.value,
            "rail": payment.rail,
            "refund": payment.purchase.resource,
            "signature": payment.signature,
        },
    )
    return (opposite(entry) if payment.state is State.REVERSED else entry,)


def opposite(entry: Entry) -> Entry:
    """Give the entry that undoes another one, once."""
    postings = tuple(evolve(each, amount=-each.amount) for each in entry.postings)
    return evolve(entry, key=EntryKey(f"{entry.key}:reversed"), postings=postings)


_BOOKED = frozenset({State.SETTLED, State.UNAPPLIED, State.REVERSED})


def owner_of(payment: Payment) -> Account:
    """Tell whose the money of a purchase became.

    A grant stays with its payment, whatever comes after it.
    """
    earned = payment.grant is not None
    if earned:
        return Account(AccountKind.SALES, payment.rail)
    return Account(AccountKind.CUSTOMER, payment.payer)


def account_of(payment: Payment, part: str) -> Account:
    """Tell where that is which was added to a price."""
    return Account(AccountKind.SALES, f"{payment.rail}:{part}")


def taken_off(payment: Payment, gone: int, more: int) -> Sequence[Posting]:
    """Give what changes beside the wallet when ``more`` of a payment goes than has ``gone``.

    Less than nothing comes back. It is off the price and what was added to it in proportion, so
    that all of them are empty once all is gone.
    """
    added = added_to(payment)
    owners = (owner_of(payment), *(account_of(payment, part) for part in added))
    parts = (payment.amount.minor, *added.values())
    before, after = shares(parts, gone), shares(parts, gone + more)
    changes = (was - now for was, now in zip(before, after, strict=True))
    return [
        Posting(account=owner, amount=evolve(payment.amount, minor=change))
        for owner, change in zip(owners, changes, strict=True)
        if change
    ]


def dispute_key(payment: Payment, number: int) -> EntryKey:
    """Name the entries of a payment's disputes, which are counted from 1."""
    return EntryKey(f"dispute:{payment.chain}:{payment.key}:{number}")


def disputed(was: Payment, now: Payment, back: int, number: int, at: datetime) -> Entry | None:
    """Give the entry of what disputes have taken, or given back; None if that is nothing.

    ``back`` is what refunds have given back. What the payment's own end books is left out: if
    it is reversed, and less than all of it was taken, that comes in again.
    """
    before, after = taken_back(was), taken_back(now)
    changes: defaultdict[Account, int] = defaultdict(int)
    for each in taken_off(now, back + before, after - before):
        changes[each.account] += each.amount.minor
    for entry in entries_of(now) if now.state is not was.state else ():
        for each in entry.postings:
            if each.account.kind is not AccountKind.WALLET:
                changes[each.account] -= each.amount.minor
    changes[Account(AccountKind.WALLET, now.pay_to)] = -sum(changes.values())
    postings = tuple(
        Posting(account=account, amount=evolve(now.amount, minor=minor))
        for account, minor in changes.items()
        if minor
    )
    if not postings:
        return None
    about = {"state": now.state.value, "rail": now.rail, "signature": now.signature}
    key = dispute_key(now, number)
    return Entry(key=key, tenant=now.tenant, at=at, postings=postings, about=about)
