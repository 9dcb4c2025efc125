"""How values become rows, the same in every store.

A row has columns for what is queried and text in JSON for the rest. Times are whole
microseconds since 1970, UTC. A field that has its default is left out, so that rows of one
version are read by the next.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import orjson
from attrs import define, field, frozen
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from tillway.core.assets import BUILT_IN, Asset, AssetKind, Assets, TokenProgram
from tillway.core.catalog import Coupon, Product
from tillway.core.events import LEDGER_ENTRY, Event
from tillway.core.ledger import Account, AccountKind, Entry, EntryKey, Posting
from tillway.core.money import Money
from tillway.core.payments import Asked, Payment, Reservation
from tillway.core.tenancy import Tenant

V = TypeVar("V")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_JSON = Mapping[str, object]
_COLUMNS = (
    "chain",
    "key",
    "signature",
    "state",
    "owner",
    "lease_until",
    "created_at",
    "signed",
    "watched",
    "user_id",
)


@frozen
class PaymentRow:
    """A payment as stores keep it; ``body`` holds whatever has no column."""

    chain: str
    key: str
    tenant: str
    signature: str
    state: str
    owner: str
    lease_until: int
    created_at: int
    signed: bytes
    body: str
    watched: bool
    user_id: str | None

    @property
    def payer(self) -> str:
        """Who has paid: lists of that are of few payments, so that it has no column everywhere."""
        return str(orjson.loads(self.body)["payer"])


@frozen
class EventRow:
    """A fact as stores keep it."""

    tenant: str
    id: str
    type: str
    at: int
    body: str


@frozen(kw_only=True)
class LineRow:
    """One posting. ``account`` is its account's name with the asset; ``asset`` what reads it.

    (tenant, entry, place) is unique. ``least`` is tested once and not kept.
    """

    tenant: str
    entry: str
    place: int
    account: str
    at: int
    minor: int
    asset: str
    least: int | None = None


def micros(moment: datetime) -> int:
    """Give whole microseconds since 1970, UTC. TypeError for a time without zone."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    """Give back the time, in UTC with zone."""
    return _EPOCH + timedelta(microseconds=micros)


@define(kw_only=True)
class Codec:
    """Turn values into rows and back without loss.

    An amount carries what its asset needs to be read. ``assets`` give it the rest (mints and
    so on), as they are configured now; an asset they lack, or know with other decimals, is
    read as it was written.
    """

    assets: Assets = BUILT_IN
    _converter: Converter = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Prepare the conversions."""
        self._converter = _converter(self.assets)

    def payment_row(self, payment: Payment) -> PaymentRow:
        """Give the row of a payment."""
        return PaymentRow(
            chain=payment.chain,
            key=payment.key,
            tenant=payment.tenant,
            signature=payment.signature,
            state=payment.state.value,
            owner=payment.owner,
            lease_until=micros(payment.lease_until),
            created_at=micros(payment.created_at),
            signed=payment.signed,
            body=self.text(payment),
            watched=payment.watched,
            user_id=payment.user_id,
        )

    def payment(self, row: PaymentRow) -> Payment:
        """Give the payment of a row."""
        columns = {name: getattr(row, name) for name in _COLUMNS}
        if row.user_id is None:
            del columns["user_id"]  # a version without that column wrote it in the body
        return self._converter.structure({**orjson.loads(row.body), **columns}, Payment)

    def reservations(self, row: PaymentRow) -> tuple[Reservation, ...]:
        """Give what the payment of a row has reserved, and nothing else: that is half the work."""
        found = orjson.loads(row.body).get("reservations", ())
        return self._converter.structure(found, tuple[Reservation, ...])

    def event_row(self, event: Event) -> EventRow:
        """Give the row of a fact."""
        body = orjson.dumps(event.body).decode()
        return EventRow(
            tenant=event.tenant, id=event.id, type=event.type, at=micros(event.at), body=body
        )

    def facts(self, payment: Payment, facts: Sequence[Event]) -> Sequence[EventRow]:
        """Give the rows of a payment's facts. ValueError if one is another tenant's."""
        if any(fact.tenant != payment.tenant for fact in facts):
            raise ValueError("a fact of another tenant")
        return [self.event_row(fact) for fact in facts]

    def event(self, row: EventRow) -> Event:
        """Give the fact of a row."""
        fields = {"id": row.id, "tenant": row.tenant, "type": row.type, "at": row.at}
        return self._converter.structure({**fields, "body": orjson.loads(row.body)}, Event)

    def value(self, text: str, kind: type[V]) -> V:
        """Give the value of its JSON."""
        return self._converter.structure(orjson.loads(text), kind)

    def entry_rows(self, entry: Entry) -> tuple[EventRow, Sequence[LineRow]]:
        """Give the fact of a ledger entry, and a row for each of its postings."""
        lines = [self._line(entry, n, one) for n, one in enumerate(entry.postings)]
        body = {
            "key": entry.key,
            "about": dict(entry.about),
            "postings": [_written(one) for one in entry.postings],
        }
        fact = EventRow(
            tenant=entry.tenant,
            id=self.fact_of(entry.key),
            type=LEDGER_ENTRY,
            at=micros(entry.at),
            body=orjson.dumps(body).decode(),
        )
        return fact, lines

    def entry(self, fact: EventRow) -> Entry:
        """Give the ledger entry of its fact."""
        body = orjson.loads(fact.body)
        return Entry(
            key=EntryKey(body["key"]),
            tenant=Tenant(fact.tenant),
            at=moment(fact.at),
            postings=tuple(self._posting(one) for one in body["postings"]),
            about=body["about"],
        )

    def fact_of(self, key: EntryKey) -> str:
        """Give the id of a ledger entry's fact."""
        return f"entry:{key}"

    def asset(self, text: str) -> Asset:
        """Give the asset of its JSON."""
        return _asset_in(orjson.loads(text), self.assets)

    def entries(
        self, payment: Payment, entries: Sequence[Entry]
    ) -> Sequence[tuple[EventRow, Sequence[LineRow]]]:
        """Give the rows of a payment's entries.

        ValueError if one is another tenant's, or tests what it leaves in an account.
        """
        for entry in entries:
            if entry.tenant != payment.tenant:
                raise ValueError("an entry of another tenant")
            if any(posting.least is not None for posting in entry.postings):
                raise ValueError("the end of a payment tests nothing")
        return [self.entry_rows(entry) for entry in entries]

    def _line(self, entry: Entry, place: int, posting: Posting) -> LineRow:
        asset = posting.amount.asset
        return LineRow(
            tenant=entry.tenant,
            entry=entry.key,
            place=place,
            account=f"{posting.account}:{asset.code}",
            at=micros(entry.at),
            minor=posting.amount.minor,
            asset=orjson.dumps(_asset_out(asset)).decode(),
            least=posting.least,
        )

    def _posting(self, written: Mapping[str, Any]) -> Posting:
        kind, owner = written["account"]
        return Posting(
            account=Account(AccountKind(kind), owner),
            amount=_money_in(written["amount"], self.assets),
        )

    def product_text(self, product: Product) -> str:
        """Give a product as JSON."""
        return self.text(product)

    def product(self, text: str) -> Product:
        """Give the product of its JSON."""
        return self._converter.structure(orjson.loads(text), Product)

    def coupon_text(self, coupon: Coupon) -> str:
        """Give a coupon as JSON."""
        return self.text(coupon)

    def coupon(self, text: str) -> Coupon:
        """Give the coupon of its JSON."""
        return self._converter.structure(orjson.loads(text), Coupon)

    def text(self, value: object) -> str:
        """Give a value as JSON."""
        return orjson.dumps(self._converter.unstructure(value)).decode()


def _converter(assets: Assets) -> Converter:
    converter = Converter(
        omit_if_default=True,
        detailed_validation=False,
        unstruct_collection_overrides={AbstractSet: sorted, Sequence: list, tuple: list},
    )
    converter.register_unstructure_hook(datetime, micros)
    converter.register_structure_hook(datetime, lambda value, _: moment(value))
    converter.register_unstructure_hook(Decimal, str)
    converter.register_structure_hook(Decimal, lambda value, _: Decimal(value))
    # What JSON has is read as it stands: there is nothing to convert it to.
    converter.register_structure_hook_func(lambda kind: kind == _JSON, lambda value, _: value)
    converter.register_structure_hook(bytes, lambda value, _: value)
    converter.register_unstructure_hook(Money, _money_out)
    converter.register_structure_hook(Money, lambda value, _: _money_in(value, assets))
    _without_word(converter)
    _without_columns(converter)
    return converter


def _without_word(converter: Converter) -> None:
    """Leave out who signed for a repeat: that is never stored."""
    write = make_dict_unstructure_fn(
        Asked, converter, _cattrs_omit_if_default=True, word=override(omit=True)
    )
    read = make_dict_structure_fn(
        Asked, converter, _cattrs_detailed_validation=False, word=override(omit=True)
    )
    converter.register_unstructure_hook(Asked, write)
    converter.register_structure_hook(Asked, read)


def _without_columns(converter: Converter) -> None:
    write = make_dict_unstructure_fn(
        Payment,
        converter,
        _cattrs_omit_if_default=True,
        chain=override(omit=True),
        key=override(omit=True),
        signature=override(omit=True),
        state=override(omit=True),
        owner=override(omit=True),
        lease_until=override(omit=True),
        created_at=override(omit=True),
        signed=override(omit=True),
        watched=override(omit=True),
    )
    converter.register_unstructure_hook(Payment, write)


def _written(posting: Posting) -> Mapping[str, Any]:
    account = posting.account
    return {"account": [account.kind.value, account.owner], "amount": _money_out(posting.amount)}


def _money_out(money: Money) -> dict[str, Any]:
    return {"minor": money.minor} | _asset_out(money.asset)


def _asset_out(asset: Asset) -> dict[str, Any]:
    written = {
        "asset": asset.code,
        "decimals": asset.decimals,
        "kind": asset.kind.value,
    }
    return written if asset.token_program is None else written | {"program": asset.token_program}


def _money_in(written: Mapping[str, Any], assets: Assets) -> Money:
    return Money(written["minor"], _asset_in(written, assets))


def _asset_in(written: Mapping[str, Any], assets: Assets) -> Asset:
    program = written.get("program")
    asset = Asset(
        code=written["asset"],
        decimals=written["decimals"],
        kind=AssetKind(written["kind"]),
        token_program=None if program is None else TokenProgram(program),
    )
    known = assets.by_code(asset.code) if asset.code in assets else None
    return known if known == asset else asset
