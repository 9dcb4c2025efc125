"""Errors and bodies as bytes."""

import orjson
import pytest

from tillway.core.errors import Code, Declined, TillwayError, Unavailable, Unsettled
from tillway.entrypoints.http.render import answer, crashed, encode, envelope, refuse
from tillway.entrypoints.http.statuses import STATUSES


def body_of(error: TillwayError) -> dict[str, object]:
    response = refuse(error)
    assert isinstance(response.body, bytes)
    return dict(orjson.loads(response.body))


class TestEnvelope:
    @pytest.mark.parametrize("code", list(Code))
    def test_every_code_has_its_status_and_the_envelope(self, code: Code) -> None:
        """Whatever the code, status and keys follow from it alone."""
        error = Declined(code)
        response = refuse(error)
        inner = body_of(error)["error"]
        assert response.status == STATUSES[code]
        assert inner == {
            "code": code.value,
            "message": error.message,
            "retryable": error.retryable,
        }

    def test_details_are_left_out_when_there_are_none(self) -> None:
        """The contract omits the key rather than sending an empty object."""
        assert "details" not in str(envelope(Declined(Code.INVALID_FIELD)))
        found = envelope(Declined(Code.INVALID_FIELD, details={"hint": "x"}))
        assert found["error"] == {
            "code": "invalid_field",
            "message": "A field has an invalid value.",
            "retryable": False,
            "details": {"hint": "x"},
        }

    def test_a_rate_limit_has_the_flat_keys_as_well(self) -> None:
        """Clients of the reference look for them at the top."""
        body = body_of(Unavailable(Code.RATE_LIMIT_EXCEEDED, "Slow down.", retry_after=7.2))
        assert body["message"] == "Slow down."
        assert body["retry_after_seconds"] == 8

    def test_a_crash_says_nothing(self) -> None:
        """A 500 has the fixed words only."""
        response = crashed()
        assert response.status == 500
        assert isinstance(response.body, bytes)
        assert orjson.loads(response.body)["error"]["message"] == (
            "Something went wrong on our side."
        )


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("seconds", "header"), [(0.01, "1"), (1.0, "1"), (1.5, "2"), (60, "60")]
    )
    def test_it_is_whole_seconds_rounded_up(self, seconds: float, header: str) -> None:
        """Nobody is told to come back too early."""
        assert refuse(Unavailable(retry_after=seconds)).headers["Retry-After"] == header

    def test_an_unsettled_payment_says_when_to_look_again(self) -> None:
        """The pending answer carries it too."""
        assert refuse(Unsettled(retry_after=2)).headers["Retry-After"] == "2"

    def test_an_absent_service_always_names_a_time(self) -> None:
        """503 comes with Retry-After even if nobody named one."""
        assert refuse(Unavailable()).headers["Retry-After"] == "1"

    @pytest.mark.parametrize("error", [Declined(Code.INVALID_FIELD), Unavailable(Code.RPC_ERROR)])
    def test_others_name_none_of_their_own(self, error: TillwayError) -> None:
        """Where nobody knows, nothing is claimed."""
        assert "Retry-After" not in refuse(error).headers

    @pytest.mark.parametrize("seconds", [float("inf"), float("nan")])
    def test_what_is_no_number_is_left_out(self, seconds: float) -> None:
        """An absurd time does not reach the wire."""
        assert "Retry-After" not in refuse(Unsettled(retry_after=seconds)).headers


class TestEncode:
    def test_it_is_compact_and_ends_with_one_newline(self) -> None:
        """As the reference writes it."""
        assert encode({"a": [1, 2.5], "b": None}) == b'{"a":[1,2.5],"b":null}\n'

    def test_stray_bytes_of_a_header_do_not_break_the_answer(self) -> None:
        """A lone surrogate, as undecodable header bytes become, is replaced."""
        assert encode({"echo": "a\udcffb"}) == b'{"echo":"a?b"}\n'

    def test_large_whole_numbers_stay_whole(self) -> None:
        """More than 64 bits are written out."""
        assert encode({"n": 2**70}) == b'{"n":%d}\n' % 2**70

    def test_an_answer_is_json_with_its_headers(self) -> None:
        """Status, type and further headers are those given."""
        response = answer({}, 402, {"Cache-Control": "no-store"})
        assert (response.status, response.content_type) == (402, "application/json")
        assert response.headers["Cache-Control"] == "no-store"
