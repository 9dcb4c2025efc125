"""What a request shows of who sends it."""

from collections.abc import Mapping

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from tillway.core.errors import Code, Declined
from tillway.core.payments import Word
from tillway.core.secrets import Secret
from tillway.entrypoints.http.config import CONFIG, HttpConfig
from tillway.entrypoints.http.proofs import (
    is_admin,
    refuse_all_but_admin,
    word_in,
)

KEY = "an operator's key of some length"


def asked(headers: Mapping[str, str], key: str | None = KEY) -> web.Request:
    """Give a request to a gateway with this key."""
    app = web.Application()
    app[CONFIG] = HttpConfig(admin_key=None if key is None else Secret(key))
    return make_mocked_request("GET", "/", headers=headers, app=app)


class TestTheOperator:
    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_the_key_shows_him(self, scheme: str) -> None:
        """As a bearer token, whose scheme has no case."""
        request = asked({"Authorization": f"{scheme} {KEY}"})
        assert is_admin(request)
        refuse_all_but_admin(request)

    @pytest.mark.parametrize(
        "authorization", ["", KEY, f"Basic {KEY}", f"Bearer {KEY}x", "Bearer", "Bearer \xff"]
    )
    def test_nothing_else_does(self, authorization: str) -> None:
        """Not the key without its scheme, nor anything like it."""
        assert not is_admin(asked({"Authorization": authorization}))

    @pytest.mark.parametrize("key", [None, ""])
    @pytest.mark.parametrize("authorization", ["", "Bearer ", f"Bearer {KEY}"])
    def test_without_a_key_nobody_is_he(self, key: str | None, authorization: str) -> None:
        """An empty token does not match a key that is not set."""
        assert not is_admin(asked({"Authorization": authorization}, key))

    def test_others_are_refused(self) -> None:
        """As unauthorized."""
        with pytest.raises(Declined) as refused:
            refuse_all_but_admin(asked({"Authorization": "Bearer other"}))
        assert refused.value.code is Code.UNAUTHORIZED
        assert "not set" not in refused.value.message

    def test_a_key_that_is_not_set_is_said_to_be(self) -> None:
        """So that the operator knows why his does not work."""
        with pytest.raises(Declined, match=r"server\.admin_api_key is not set"):
            refuse_all_but_admin(asked({"Authorization": f"Bearer {KEY}"}, None))


class TestAWord:
    def test_three_headers_make_one(self) -> None:
        """As the wallet's address, the message and the signature."""
        headers = {"X-Signer": "s", "X-Message": "m", "X-Signature": "g"}
        assert word_in(asked(headers)) == Word(signer="s", message="m", signature="g")

    @pytest.mark.parametrize("missing", ["X-Signer", "X-Message", "X-Signature"])
    def test_two_make_none(self, missing: str) -> None:
        """All of them are needed."""
        headers = {"X-Signer": "s", "X-Message": "m", "X-Signature": "g"}
        del headers[missing]
        assert word_in(asked(headers)) is None

    def test_one_that_is_too_long_is_none(self) -> None:
        """No wallet's is."""
        headers = {"X-Signer": "s", "X-Message": "m" * 5000, "X-Signature": "g"}
        assert word_in(asked(headers)) is None
