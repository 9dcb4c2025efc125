"""Rows as documents: fields as they are, and beside them what finding them takes.

``_id`` is the row's key as JSON, ``n`` the position in the log of the unit that wrote it. A row
that is in an order which not all rows are in says so: ``in_<order>``. A document of a row that was
taken out has ``gone``, the time when, and nothing else. Bytes are text in base64.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from attrs import NOTHING, Attribute, fields
from bson import Int64

from tillway.adapters.stores.layered.kinds import Key, Kind, Order, R, Rank
from tillway.adapters.stores.layered.layers import Span
from tillway.adapters.stores.mongo.driver import Condition, Document, Index, Sort

PREFIX: Final = "tillway_"
_BYTES: Final = (bytes, bytes | None)


def collection(kind: str) -> str:
    """Name the collection of a kind of rows."""
    return PREFIX + kind


def id_of(key: Key) -> str:
    """Give a document's ``_id`` by its row's key."""
    return orjson.dumps(key).decode()


def key_of(name: str) -> Key:
    """Give a row's key by its document's ``_id``."""
    return tuple(orjson.loads(name))


def written(kind: Kind[R], row: R) -> Document:
    """Give a row's fields, and the orders that it says to be in."""
    values = ((name, getattr(row, name)) for name in _names(kind))
    document = {name: _out(value) for name, value in values if value is not None}
    says = [
        name
        for name, order in kind.orders.items()
        if _says(order) and order.group_of(row) is not None
    ]
    return document | _computed(kind, row, says) | {_flag(name): True for name in says}


def _computed(kind: Kind[R], row: R, orders: Sequence[str]) -> Document:
    """Give what a row is found by in these orders and has no field for."""
    found = {name for order in orders for name in kind.orders[order].group} - {*_names(kind)}
    return {name: _out(getattr(row, name)) for name in found}


def read(kind: Kind[R], document: Mapping[str, Any]) -> R:
    """Give the row of a document. Fields that it lacks are None, or what the row says."""
    values = {}
    for each in _fields(kind):
        if each.name in document or each.default is NOTHING:
            values[each.name] = _in(document.get(each.name), each.type)
    return kind.row(**values)


def matching(kind: Kind[R], order: str, group: Key, span: Span) -> Condition:
    """Give the condition of a part of a group."""
    condition = _of_group(kind.orders[order], order) | dict(
        zip(kind.orders[order].group, map(_out, group), strict=True)
    )
    ends = []
    if span.since is not None:
        ends.append(_beyond(_ranks(kind, order), span.since, "$gt", "$gte"))
    if span.below is not None:
        ends.append(_beyond(_ranks(kind, order), span.below, "$lt", "$lt"))
    return condition if not ends else {"$and": [condition, *ends]} if condition else ends[0]


def matching_one_of(kind: Kind[R], order: str, groups: Sequence[Key]) -> Condition:
    """Give the condition of being in one of several groups."""
    names = kind.orders[order].group
    lasts: dict[Key, list[str]] = {}
    for group in groups:
        lasts.setdefault(group[:-1], []).append(group[-1])
    each = [
        dict(zip(names, start, strict=False)) | {names[-1]: {"$in": ends}}
        for start, ends in lasts.items()
    ]
    flagged = _of_group(kind.orders[order], order)
    return flagged | (each[0] if len(each) == 1 else {"$or": each})


def sorting(kind: Kind[R], order: str, *, backwards: bool) -> Sort:
    """Give the fields to sort by."""
    way = -1 if backwards else 1
    return [(name, way) for name in dict.fromkeys(_ranks(kind, order))]


def indexes(kind: Kind[Any]) -> Sequence[Index]:
    """Give the indexes that a kind's orders need."""
    return [_index(kind, name, order) for name, order in kind.orders.items()]


def _index(kind: Kind[Any], name: str, order: Order) -> Index:
    where = _of_group(order, name)
    fields = order.group if order.unique else (*where, *order.group, *_ranks(kind, name))
    return Index(
        name=_plain(name),
        fields=list(dict.fromkeys(fields)),
        where=where or None,
        unique=order.unique,
    )


def _says(order: Order) -> bool:
    """Tell whether rows say that they are in an order: their fields alone do not."""
    return order.among is not None or order.unique or not order.group


def _of_group(order: Order, name: str) -> Document:
    return {_flag(name): True} if _says(order) else {}


def _beyond(names: Sequence[str], rank: Rank, apart: str, last: str) -> Condition:
    """Compare ranks as tuples are compared: the first fields that differ decide."""
    values = list(zip(names, map(_out, rank), strict=False))
    ends = []
    for n, (name, value) in enumerate(values):
        compare = last if n == len(values) - 1 else apart
        ends.append(dict(values[:n]) | {name: {compare: value}})
    return ends[0] if len(ends) == 1 else {"$or": ends}


def _ranks(kind: Kind[Any], order: str) -> Sequence[str]:
    return (*kind.orders[order].rank, *kind.key)


def _names(kind: Kind[Any]) -> Sequence[str]:
    return [each.name for each in _fields(kind)]


def _flag(order: str) -> str:
    return f"in_{_plain(order)}"


def _plain(order: str) -> str:
    return order.replace(" ", "_")


def _out(value: Any) -> Any:
    # Amounts and times have 64 bits, whatever their size. Not every server that speaks MongoDB's
    # protocol can replace a document by one with bytes in it.
    if type(value) is int:
        return Int64(value)
    return b64encode(value).decode() if isinstance(value, bytes) else value


def _in(value: Any, kind: Any) -> Any:
    if isinstance(value, str) and kind in _BYTES:
        return b64decode(value)
    return int(value) if isinstance(value, Int64) else value


def _fields(kind: Kind[Any]) -> Sequence["Attribute[Any]"]:
    found: Sequence[Attribute[Any]] = fields(kind.row)
    return found
