"""What needs asyncpg but no server: its errors, texts, and the names of places."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillway.core.errors import Unavailable
from tillway.core.secrets import Secret

asyncpg = pytest.importorskip("asyncpg", reason="asyncpg is not installed")

from tillway.adapters.stores.postgres.faults import (  # noqa: E402 - only where asyncpg is
    FAULTS,
    collided,
    fault,
    is_lost,
    understood,
)
from tillway.adapters.stores.postgres.place import Place  # noqa: E402 - as above
from tillway.adapters.stores.postgres.texts import received, sent  # noqa: E402 - as above

_QUESTIONS = set(
    "01 02 03 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 2B 2D 2F 34 38 39 3B 42 44 54 55 72"  # noqa: SIM905 - a list of codes reads best in one line
    " HV P0".split()
)
"""Classes of errors that are about what was asked."""

_STATES: dict[str, type[Exception]] = {
    state: kind
    for _, kind in inspect.getmembers(asyncpg, inspect.isclass)
    if issubclass(kind, Exception) and (state := getattr(kind, "sqlstate", None))
}
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\x00\x01\x02"))


class TestFaults:
    @pytest.mark.parametrize("state", sorted(_STATES))
    def test_every_error_of_the_driver_is_decided(self, state: str) -> None:
        """Each is the database's fault, or is in a class of what is wrong with a question."""
        said = fault(_STATES[state]("words"))
        assert (said is not None) == (state in FAULTS or state[:2] not in _QUESTIONS)

    def test_no_class_is_decided_twice(self) -> None:
        """A class is the database's or the question's; single codes may differ."""
        assert not {each for each in FAULTS if len(each) == 2} & _QUESTIONS

    def test_a_lost_connection_is_told_however_it_was_lost(self) -> None:
        """Reset, ended and broken off are one thing to whoever wants another connection."""
        lost = [ConnectionResetError(), EOFError(), asyncpg.ConnectionDoesNotExistError("gone")]
        assert all(is_lost(each) for each in lost)
        assert not is_lost(asyncpg.DeadlockDetectedError("words"))
        assert not is_lost(ValueError())

    def test_who_does_not_answer_is_not_asked_again(self) -> None:
        """One that hangs costs patience: whoever asks is told instead of trying the next."""
        assert fault(TimeoutError()) == "does not answer"
        assert not is_lost(TimeoutError())

    def test_collisions_may_be_tried_again(self) -> None:
        """Deadlocks, serialisation and a schema that moved on, and nothing else."""
        again = (
            asyncpg.DeadlockDetectedError,
            asyncpg.SerializationError,
            asyncpg.InvalidCachedStatementError,
        )
        assert all(collided(kind("words")) for kind in again)
        assert not collided(asyncpg.UniqueViolationError("words"))
        assert not collided(ConnectionResetError())

    def test_a_fault_is_unavailable_and_a_bug_is_itself(self) -> None:
        """The message says no more than a buyer may read; the cause goes to the log."""
        with pytest.raises(Unavailable) as full, understood():
            raise asyncpg.DiskFullError("could not extend file base/16384")
        assert full.value.message == "The store is full."
        assert isinstance(full.value.__cause__, asyncpg.DiskFullError)
        with pytest.raises(asyncpg.UndefinedColumnError), understood():
            raise asyncpg.UndefinedColumnError("words")


class TestTexts:
    @given(_TEXTS, _TEXTS)
    def test_any_text_comes_back_and_keeps_its_place(self, one: str, other: str) -> None:
        """What is sent has no NUL, is read as it was, and sorts as it did."""
        assert "\x00" not in sent(one)
        assert received(sent(one)) == one
        assert (sent(one) < sent(other)) == (one < other)
        assert sent([one, [other]]) == [sent(one), [sent(other)]]

    def test_anything_else_is_left_alone(self) -> None:
        """Bytes, numbers and nothing pass as they are."""
        for value in (b"\x00\x01", 5, None, True):
            assert sent(value) is value
            assert received(value) is value


class TestPlaceNames:
    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("postgresql://user:secret@db.example:5432/shop", "db.example:5432/shop"),
            ("postgres://db.example/shop?sslmode=require", "db.example/shop"),
            ("postgresql://user:s@cret@one:1,two:2/shop", "one:1,two:2/shop"),
            ("postgresql://user:secret@[::1]:5432/shop", "[::1]:5432/shop"),
            ("postgresql://user:secret@/shop?host=/run/postgresql", "/shop"),
            ("postgresql://user:sec/ret@db.example/shop", "storage.postgres_url"),
            ("postgresql://user:sec?ret@db.example/shop", "db.example/shop"),
            ("postgresql://user:sec#ret@db.example/shop", "db.example/shop"),
            ("postgresql://user:secret", "storage.postgres_url"),
            ("secret", "storage.postgres_url"),
        ],
    )
    def test_a_place_is_named_without_its_secrets(self, url: str, name: str) -> None:
        """Hosts and database are named; where they cannot be told from a password, nothing."""
        assert str(Place(Secret(url))) == name
