"""Payments and the ledger: every arrival is booked once for each turn, and nothing else is."""

from collections.abc import Iterator, Sequence

from attrs import frozen

from tillway.core.disputes import taken_back
from tillway.core.ids import STRIPE_PREFIX
from tillway.core.ledger import AccountKind, Entry, EntryKey, Posting
from tillway.core.paid import paid_in_all
from tillway.core.payments import Chain, Payment, PaymentKey, State
from tillway.core.quotes import Purpose
from tillway.core.services.books.bookkeeping import dispute_key, entries_of
from tillway.core.services.reconciling.desk import Desk, of_payment
from tillway.core.services.reconciling.findings import Finding, Kind
from tillway.core.services.reconciling.payments import ARRIVED

_PREFIX = "payment:"
_REVERSED = ":reversed"


@frozen(kw_only=True)
class Booked:
    """What an entry's key says that it books."""

    chain: Chain
    key: PaymentKey
    turn: int
    reversal: bool


def booked(key: EntryKey) -> Booked | None:
    """Read the key of a payment's entry; None for an entry of something else."""
    text = key.removesuffix(_REVERSED)
    chain, _, rest = text.removeprefix(_PREFIX).rpartition(":")
    if not text.startswith(_PREFIX) or not rest.isdecimal():
        return None
    chain, _, digest = chain.rpartition(":")
    return Booked(chain=Chain(chain), key=PaymentKey(digest), turn=int(rest), reversal=text != key)


def key_of(payment: Payment, turn: int, *, reversal: bool = False) -> EntryKey:
    """Give the key under which a payment's turn is booked."""
    end = _REVERSED if reversal else ""
    return EntryKey(f"{_PREFIX}{payment.chain}:{payment.key}:{turn}{end}")


async def entries(desk: Desk, payment: Payment) -> Sequence[Finding]:
    """Compare a payment with what the ledger has booked of it."""
    found = [*await _present(desk, payment), *await _past(desk, payment)]
    return [*found, *await _too_many(desk, payment), *await _disputed(desk, payment)]


async def _present(desk: Desk, payment: Payment) -> Sequence[Finding]:
    """Compare what the payment's present state books."""
    found: list[Finding] = []
    for wanted in entries_of(payment):
        entry = await desk.entry(payment.tenant, wanted.key)
        if entry is None:
            gone = payment.state is State.REVERSED
            kind = Kind.REVERSAL_MISSING if gone else Kind.ENTRY_MISSING
            found.append(of_payment(kind, payment, f"{payment.amount} has no entry {wanted.key}"))
        elif payment.state is not State.REVERSED:  # which is compared with what it takes back
            found += _differences(payment, wanted, entry)
    return found


async def _past(desk: Desk, payment: Payment) -> Sequence[Finding]:
    """Compare the turns before, each of which must have been taken back."""
    refund = payment.purchase.purpose is Purpose.REFUND  # which books what it pays
    if refund or not payment.amount.minor or payment.state not in ARRIVED:
        return []
    found: list[Finding] = []
    last = payment.turn if payment.state is State.REVERSED else payment.turn - 1
    for turn in range(1, last + 1):
        found += await _taken_back(desk, payment, turn)
    return found


async def _taken_back(desk: Desk, payment: Payment, turn: int) -> Sequence[Finding]:
    name = f"turn {turn}"
    entry = await desk.entry(payment.tenant, key_of(payment, turn))
    reversal = await desk.entry(payment.tenant, key_of(payment, turn, reversal=True))
    if entry is None:
        return [of_payment(Kind.ENTRY_MISSING, payment, f"{name} was never booked")]
    if reversal is None:
        if turn == payment.turn:  # the present state has told it
            return []
        return [of_payment(Kind.REVERSAL_MISSING, payment, f"{name} was never taken back")]
    if _amounts(entry) != _amounts(reversal, sign=-1):
        text = f"{name} booked {_written(entry)}, its reversal {_written(reversal)}"
        return [of_payment(Kind.REVERSAL_AMOUNT, payment, text)]
    return []


async def _too_many(desk: Desk, payment: Payment) -> Sequence[Finding]:
    """Look for what must not be booked: of money that has not arrived, or that is not gone."""
    found: list[Finding] = []
    extra = payment.turn + 1
    first = key_of(payment, max(extra, 1) if payment.amount.minor else 1)
    if await desk.entry(payment.tenant, first) is not None:
        text = f"is {payment.state}, in turn {payment.turn}, and the ledger has {first}"
        found.append(of_payment(Kind.ENTRY_UNFOUNDED, payment, text))
    stands = payment.state in (State.SETTLED, State.UNAPPLIED)
    reversal = key_of(payment, payment.turn, reversal=True)
    if stands and await desk.entry(payment.tenant, reversal) is not None:
        text = f"is {payment.state}, and the ledger has {reversal}"
        found.append(of_payment(Kind.REVERSAL_UNFOUNDED, payment, text))
    return found


async def _disputed(desk: Desk, payment: Payment) -> Sequence[Finding]:
    """Compare what disputes have taken with what the ledger has of it, beside a reversal."""
    if not payment.signature.startswith(STRIPE_PREFIX) or payment.state not in ARRIVED:
        return []
    booked, number = 0, 1
    while (entry := await desk.entry(payment.tenant, dispute_key(payment, number))) is not None:
        booked += sum(each.amount.minor for each in entry.postings if _is_wallet(each))
        number += 1
    reversal = paid_in_all(payment).minor if payment.state is State.REVERSED else 0
    if booked + reversal == taken_back(payment):
        return []
    text = f"lost {taken_back(payment)} by disputes, and the ledger has {booked + reversal}"
    return [of_payment(Kind.DISPUTE_BOOKED_OTHERWISE, payment, text)]


def _differences(payment: Payment, wanted: Entry, entry: Entry) -> Iterator[Finding]:
    """Say in what a booked entry differs from the one that its payment makes."""
    for kind, what in (
        (Kind.ENTRY_ASSET, _assets),
        (Kind.ENTRY_AMOUNT, _sizes),
        (Kind.ENTRY_WALLET, _wallets),
        (Kind.ENTRY_OWNER, _owners),
    ):
        if what(wanted) != what(entry):
            text = f"the ledger has {_written(entry)} under {entry.key}, not {_written(wanted)}"
            yield of_payment(kind, payment, text)
            return


def _assets(entry: Entry) -> object:
    return {posting.amount.asset.code for posting in entry.postings}


def _sizes(entry: Entry) -> object:
    return sorted(posting.amount.minor for posting in entry.postings)


def _wallets(entry: Entry) -> object:
    return sorted(str(each.account) for each in entry.postings if _is_wallet(each))


def _owners(entry: Entry) -> object:
    return sorted(str(each.account) for each in entry.postings if not _is_wallet(each))


def _is_wallet(posting: Posting) -> bool:
    return posting.account.kind is AccountKind.WALLET


def _amounts(entry: Entry, sign: int = 1) -> object:
    return sorted(
        (str(each.account), each.amount.asset.code, sign * each.amount.minor)
        for each in entry.postings
    )


def _written(entry: Entry) -> str:
    return ", ".join(f"{each.account} {each.amount}" for each in entry.postings)


async def entry_founded(desk: Desk, key: EntryKey) -> Sequence[Finding]:
    """Compare an entry of the ledger with the payment that its key names."""
    named = booked(key)
    if named is None:
        return []
    payment = await desk.view.payments.find(named.chain, named.key)
    if payment is None or payment.tenant != desk.tenant:
        text = "books a payment that is not there"
        return [Finding(kind=Kind.ENTRY_WITHOUT_PAYMENT, about=f"entry {key}", text=text)]
    if named.turn > payment.turn + 1:  # the next one is the payment's to tell
        text = f"has entry {key}, and has arrived {payment.turn} times"
        return [of_payment(Kind.ENTRY_UNFOUNDED, payment, text)]
    return []
