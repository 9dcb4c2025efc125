"""What needs MongoDB's driver but no server: its errors, documents, and the names of places."""

import inspect
from typing import Any

import pytest

from tillway.adapters.stores.layered.kinds import KINDS, PAYMENTS, QUOTE_KEYS, Kind, QuoteKeyRow
from tillway.adapters.stores.layered.layers import Span
from tillway.core.contracts.samples import payment
from tillway.core.errors import Unavailable
from tillway.core.secrets import Secret

pytest.importorskip("motor", reason="motor is not installed")

from bson import Int64
from bson import errors as bson_errors
from pymongo import errors

from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.mongo.documents import (
    id_of,
    indexes,
    key_of,
    matching,
    matching_one_of,
    read,
    sorting,
    written,
)
from tillway.adapters.stores.mongo.driver import Limits
from tillway.adapters.stores.mongo.faults import (
    CODES,
    FAULTS,
    fault,
    understood,
    was_sent,
)
from tillway.adapters.stores.mongo.place import Place

_CLASSES = [
    kind
    for module in (errors, bson_errors)
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__ == module.__name__
]


class TestFaults:
    @pytest.mark.parametrize("kind", _CLASSES, ids=lambda kind: kind.__name__)
    def test_every_error_of_the_driver_is_decided(self, kind: type[Exception]) -> None:
        """Each stands in the table: as the database's fault, or as the question's."""
        assert kind in FAULTS

    @pytest.mark.parametrize("code", sorted(CODES))
    def test_codes_say_more_than_classes(self, code: int) -> None:
        """A failed operation is told by its code, wherever in the answer that stands."""
        assert fault(errors.OperationFailure("words", code)) == CODES[code]
        listed = {"writeErrors": [{"code": code, "errmsg": "words"}]}
        assert fault(errors.BulkWriteError(listed)) == CODES[code]

    def test_a_fault_is_unavailable_and_a_bug_is_itself(self) -> None:
        """The message says no more than a buyer may read; the cause goes to the log."""
        with pytest.raises(Unavailable) as away, understood():
            raise errors.ServerSelectionTimeoutError("10.0.0.7:27017: refused")
        assert away.value.message == "The store cannot be reached."
        assert isinstance(away.value.__cause__, errors.ServerSelectionTimeoutError)
        with pytest.raises(errors.InvalidOperation), understood():
            raise errors.InvalidOperation("words")

    def test_a_write_without_its_confirmation_is_not_taken_for_a_bug(self) -> None:
        """It may be there and may be lost: that is Unavailable until it is looked up."""
        unsure = {"writeErrors": [], "writeConcernErrors": [{"code": 64, "errmsg": "words"}]}
        assert fault(errors.BulkWriteError(unsure)) == "could not confirm a write"
        assert fault(errors.WTimeoutError("words")) == "could not confirm a write"

    @pytest.mark.parametrize(
        ("error", "sent"),
        [
            (errors.ServerSelectionTimeoutError("words"), False),
            (errors.WaitQueueTimeoutError("words"), False),
            (errors.DocumentTooLarge("words"), False),
            (errors.NetworkTimeout("words"), True),
            (errors.AutoReconnect("words"), True),
            (errors.NotPrimaryError("words"), True),
        ],
    )
    def test_what_cannot_have_been_sent_is_known(self, error: Exception, sent: bool) -> None:
        """Only a write that may have reached the server is looked up."""
        with pytest.raises(Unavailable) as told, understood():
            raise error
        assert was_sent(told.value) is sent


class TestDocuments:
    def test_a_row_is_read_as_it_was_written(self) -> None:
        """Every field comes back equal, bytes and what is None included."""
        row = Codec().payment_row(payment("a"))
        assert read(PAYMENTS, written(PAYMENTS, row)) == row
        for secret in (b"\x00\xff", b"", None):
            key = QuoteKeyRow(id="a", number=1, secret=secret, retired_at=None)
            assert read(QUOTE_KEYS, written(QUOTE_KEYS, key)) == key

    def test_whole_numbers_have_64_bits(self) -> None:
        """Small ones too: a field has one type."""
        document = written(PAYMENTS, Codec().payment_row(payment("a")))
        assert type(document["created_at"]) is Int64
        assert type(written(QUOTE_KEYS, QuoteKeyRow("a", 1, None, None))["number"]) is Int64

    def test_keys_are_told_apart(self) -> None:
        """What is in a key decides, and not where one part ends and the next begins."""
        keys = [("a", "b"), ("ab", ""), ('a","b', ""), ("a\x00", "b"), ("", "ab")]
        assert len({id_of(key) for key in keys}) == len(keys)
        assert [key_of(id_of(key)) for key in keys] == keys

    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
    def test_no_field_is_called_like_ours(self, kind: Kind[Any]) -> None:
        """A row's fields stand beside `_id`, `n`, `gone` and what says in which orders it is."""
        names = set(inspect.signature(kind.row).parameters)
        assert not names & {"_id", "n", "gone"}
        assert not any(name.startswith("in_") for name in names)

    def test_what_has_ended_says_that_it_is_in_no_order_of_live_ones(self) -> None:
        """Only rows that an order takes carry its mark, which its index is made of."""
        live, ended = payment("a"), payment("b").settled(payment("b").created_at, 1, {})
        marks = [
            {name for name in written(PAYMENTS, Codec().payment_row(one)) if name[:3] == "in_"}
            for one in (live, ended)
        ]
        assert marks == [
            {"in_idle", "in_owned", "in_signature"},
            {"in_over", "in_of_payer", "in_signature"},
        ]

    def test_a_document_says_what_its_row_is_found_by(self) -> None:
        """Who has paid stands in the row's body, and beside it once it buys something."""
        live, ended = payment("a"), payment("b").settled(payment("b").created_at, 1, {})
        documents = [written(PAYMENTS, Codec().payment_row(one)) for one in (live, ended)]
        assert [each.get("payer") for each in documents] == [None, ended.payer]
        assert read(PAYMENTS, documents[1]) == Codec().payment_row(ended)


class TestConditions:
    def test_ranks_compare_as_tuples_do(self) -> None:
        """The first fields that differ decide; a part of a rank stands for all that begin so."""
        span = Span(below=(5, 7), since=(3,))
        assert matching(PAYMENTS, "idle", (), span) == {
            "$and": [
                {"in_idle": True},
                {"lease_until": {"$gte": 3}},
                {
                    "$or": [
                        {"lease_until": {"$lt": 5}},
                        {"lease_until": 5, "created_at": {"$lt": 7}},
                    ]
                },
            ]
        }

    def test_a_group_is_its_fields(self) -> None:
        """All of them, and the mark where an order does not take every row."""
        assert matching(PAYMENTS, "newest", ("shop",), Span()) == {"tenant": "shop"}
        groups = [("sol", "s1"), ("sol", "s2"), ("eth", "s1")]
        assert matching_one_of(PAYMENTS, "signature", groups[:2]) == {
            "in_signature": True,
            "chain": "sol",
            "signature": {"$in": ["s1", "s2"]},
        }
        assert len(matching_one_of(PAYMENTS, "signature", groups)["$or"]) == 2

    def test_orders_end_in_the_key(self) -> None:
        """Of two of one rank, the key decides, in the direction of the rest."""
        names = ["created_at", "chain", "key"]
        assert sorting(PAYMENTS, "newest", backwards=True) == [(name, -1) for name in names]

    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
    def test_every_order_has_an_index_of_its_own(self, kind: Kind[Any]) -> None:
        """Group first, then rank and key, each field once, under a name of its own."""
        made = indexes(kind)
        assert len({index.name for index in made}) == len(kind.orders)
        for index, order in zip(made, kind.orders.values(), strict=True):
            assert len(set(index.fields)) == len(index.fields)
            assert index.unique is order.unique
            assert set(order.group) <= set(index.fields)


class TestPlaces:
    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("mongodb://127.0.0.1:27017", "127.0.0.1:27017/shop"),
            ("mongodb://user:secret@db.example:27017/?tls=true", "db.example:27017/shop"),
            ("mongodb+srv://user:secret@cluster.example/other", "cluster.example/shop"),
            ("mongodb://u:s@a:1,b:2,[::1]:3/?replicaSet=rs", "a:1,b:2,[::1]:3/shop"),
            ("mongodb://user:sec/ret@db", "db/shop"),
            ("postgresql://user:secret@db/shop", "storage.mongodb_url"),
            ("mongodb://user:secret", "storage.mongodb_url"),
        ],
    )
    def test_a_place_is_named_without_its_secrets(self, url: str, name: str) -> None:
        """Hosts and database, and nothing that may be a part of a password."""
        place = Place(Secret(url), "shop", limits=Limits(), patience=1.0)
        assert str(place) == name
