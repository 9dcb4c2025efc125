from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillway.adapters.x402 import answers
from tillway.adapters.x402.answers import Level, Misshapen

KEYS = (
    *("context", "slot", "value", "err", "confirmationStatus", "status", "data", "owner"),
    *("lamports", "logs", "accounts", "blockhash", "lastValidBlockHeight", "meta"),
    *("unitsConsumed", "absoluteSlot", "blockHeight", "blockTime"),
    *("preTokenBalances", "accountIndex"),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(["confirmed", "base64", "AAAA", "1" * 32]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
READERS: list[Callable[[object], object]] = [
    lambda value: answers.statuses(value, 1),
    lambda value: answers.simulation(value, 0),
    lambda value: answers.simulation(value, 1),
    lambda value: answers.accounts(value, 1),
    answers.blockhash,
    answers.landed,
    answers.balance,
    answers.tip,
    answers.whole,
    answers.text,
]
GOOD_STATUS: dict[str, Any] = {
    "context": {"slot": 9},
    "value": [{"slot": 5, "err": None, "confirmationStatus": "confirmed", "status": {"Ok": None}}],
}


class TestAnyAnswer:
    @given(JSON)
    def test_is_read_or_refused_and_nothing_else(self, value: object) -> None:
        """No shape makes a reader fail in another way."""
        for read in READERS:
            with suppress(Misshapen):
                read(value)

    @given(st.data())
    def test_a_status_with_something_missing_is_never_a_success(self, data: st.DataObject) -> None:
        """Whatever is cut out of a good answer, success is not guessed."""
        answer = orjson.loads(orjson.dumps(GOOD_STATUS))
        status = answer["value"][0]
        for key in data.draw(st.sets(st.sampled_from(["slot", "err", "confirmationStatus"]))):
            del status[key]
        complete = len(status) == 4
        try:
            (read,) = answers.statuses(answer, 1).values
        except Misshapen:
            assert not complete
        else:
            assert complete
            assert read is not None

    def test_a_status_without_a_level_is_only_processed(self) -> None:
        """Old nodes may leave it null: no more is believed than was told."""
        answer = {"context": {"slot": 9}, "value": [{"slot": 5, "err": None}]}
        answer["value"][0]["confirmationStatus"] = None  # type: ignore[index]  # JSON
        (status,) = answers.statuses(answer, 1).values
        assert status is not None
        assert status.level is Level.PROCESSED


class TestLevels:
    @pytest.mark.parametrize(
        ("level", "other", "reached"),
        [
            (Level.PROCESSED, Level.CONFIRMED, False),
            (Level.CONFIRMED, Level.CONFIRMED, True),
            (Level.FINALIZED, Level.CONFIRMED, True),
            (Level.CONFIRMED, Level.FINALIZED, False),
        ],
    )
    def test_rise_from_processed_to_finalized(
        self, level: Level, other: Level, reached: bool
    ) -> None:
        """A higher one implies the lower ones."""
        assert level.reaches(other) is reached
