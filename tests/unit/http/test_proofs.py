"""What a request shows of who sends it."""

import base64
from collections.abc import Mapping

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from solders.keypair import Keypair

from support.shop import open_shop
from tillway.core.errors import Code, Declined
from tillway.core.payments import Word
from tillway.core.secrets import Secret
from tillway.core.services.rails import Rails
from tillway.entrypoints.http.config import CONFIG, HttpConfig
from tillway.entrypoints.http.proofs import (
    has_signed,
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

    async def test_it_is_tested_by_the_rails_that_know_payers(self) -> None:
        """A signature counts for its signer and its message alone."""
        wallet, other = Keypair(), Keypair()
        signature = base64.b64encode(bytes(wallet.sign_message(b"so be it"))).decode()
        signer = str(wallet.pubkey())
        async with open_shop() as shop:
            rails = shop.gateway.services.rails
            good = Word(signer=signer, message="so be it", signature=signature)
            assert has_signed(good, rails)
            for bad in (
                Word(signer=signer, message="so be it!", signature=signature),
                Word(signer=str(other.pubkey()), message="so be it", signature=signature),
                Word(signer="", message="so be it", signature=signature),
            ):
                assert not has_signed(bad, rails)

    def test_without_such_a_rail_nothing_is_signed(self) -> None:
        """A gateway that takes cards only believes no wallet."""
        assert not has_signed(Word(signer="s", message="m", signature="g"), Rails.of(()))
