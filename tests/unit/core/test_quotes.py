"""Quotes as bytes: the authenticator's layout, and encodings that two quotes never share."""

import base64
import struct
from collections.abc import Mapping
from typing import Any

import pytest
from attrs import asdict, evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from tillway.core.assets import BUILT_IN, EUR, PYUSD, USD, USDC, USDT, Assets
from tillway.core.contracts.counts import count
from tillway.core.errors import Code, Declined
from tillway.core.money import Money
from tillway.core.quotes import (
    AUTHENTICATOR_LENGTH,
    Authenticator,
    Purpose,
    Quote,
    dump,
    encode_terms,
    load,
    read_authenticator,
)
from tillway.core.tenancy import Tenant

CASES = count(300, 5_000)

# Few letters, so that texts and their neighbours often run into each other.
TEXTS = st.text(st.sampled_from("ab01:\0é"), max_size=4)
SECONDS = st.integers(0, 2**32 - 1)
NONCES = st.binary(min_size=5, max_size=5)
WORD = "AQAAAAAAAAAAAAAAAAAAAAAA"
ASSETS = (USDC, USDT, PYUSD, EUR, USD)


def quotes() -> st.SearchStrategy[Quote]:
    """Give any quotes."""
    return st.builds(
        Quote,
        network=TEXTS,
        tenant=TEXTS.map(Tenant),
        purpose=st.sampled_from(Purpose),
        resource=TEXTS,
        quantity=st.integers(1, 12),
        inputs=st.dictionaries(TEXTS, TEXTS, max_size=2),
        amount=st.builds(
            Money,
            minor=st.integers(0, 11) | st.integers(0, 2**63 - 1),
            asset=st.sampled_from(ASSETS),
        ),
        pay_to=TEXTS,
        coupons=st.lists(TEXTS, max_size=2).map(tuple),
        applied=st.lists(TEXTS, max_size=2).map(tuple),
        principal=st.none() | TEXTS,
        issued_at=SECONDS,
        expires_at=SECONDS,
        nonce=NONCES,
    )


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[Quote, Quote]:
    """Give two quotes that differ in a few parts only, or swap two of them."""
    one, other = draw(quotes()), draw(quotes())
    names = draw(st.sets(st.sampled_from(sorted(asdict(one, recurse=False))), max_size=3))
    changed = evolve(one, **{name: getattr(other, name) for name in names})
    if draw(st.booleans()):
        changed = evolve(changed, network=changed.pay_to, pay_to=changed.network)
    return one, changed


def terms(quote: Quote) -> Mapping[str, Any]:
    """Give what an authenticator vouches for: all but what the seller alone decides."""
    left_out = ("applied", "principal", "issued_at")
    return {
        name: value for name, value in asdict(quote, recurse=False).items() if name not in left_out
    }


class TestEncoding:
    @settings(max_examples=CASES)
    @given(neighbours())
    def test_two_terms_never_share_one(self, pair: tuple[Quote, Quote]) -> None:
        """Equal bytes mean equal terms, so a MAC over them can be moved to nothing else."""
        one, other = pair
        assert (encode_terms(one) == encode_terms(other)) == (terms(one) == terms(other))

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"resource": "ab", "network": "c"}, {"resource": "b", "network": "ca"}),
            ({"coupons": ("a", "b")}, {"coupons": ("ab",)}),
            ({"coupons": ("a",), "pay_to": "x"}, {"coupons": (), "pay_to": "xa"}),
            ({"inputs": {"a": "b"}}, {"inputs": {"b": "a"}}),
            ({"inputs": {"a": "b"}, "coupons": ()}, {"inputs": {}, "coupons": ("a", "b")}),
            ({"quantity": 1, "resource": "a1"}, {"quantity": 11, "resource": "a"}),
        ],
    )
    def test_parts_do_not_run_into_each_other(
        self, one: dict[str, Any], other: dict[str, Any]
    ) -> None:
        """Each part is led by its length, each list by its count."""
        assert encode_terms(evolve(QUOTE, **one)) != encode_terms(evolve(QUOTE, **other))

    def test_the_order_of_inputs_says_nothing(self) -> None:
        """Inputs are a mapping, and are written sorted."""
        forth, back = {"a": "1", "b": "2"}, {"b": "2", "a": "1"}
        assert encode_terms(evolve(QUOTE, inputs=forth)) == encode_terms(evolve(QUOTE, inputs=back))


class TestAuthenticator:
    @given(st.integers(0, 255), SECONDS, NONCES, st.binary(min_size=8, max_size=8))
    def test_its_layout_is_kept(self, key: int, expires: int, nonce: bytes, mac: bytes) -> None:
        """Key id 1 byte, expiry 4, randomness 5, MAC 8, in base64url: 24 characters."""
        made = Authenticator(key_id=key, expires_at=expires, nonce=nonce, mac=mac)
        text = str(made)

        assert len(text) == AUTHENTICATOR_LENGTH == 24
        assert base64.urlsafe_b64decode(text) == struct.pack(">BI", key, expires) + nonce + mac
        assert read_authenticator(text) == made

    def test_a_memo_of_it_is_short_enough_for_the_official_clients(self) -> None:
        """They allow 20,000 compute units, which a memo of more than 32 bytes exceeds."""
        assert AUTHENTICATOR_LENGTH <= 32

    @pytest.mark.parametrize(
        "memo", ["article:{}", "cedros:cart:c_1:{}", "pay {} now", "{}", "{} thanks", "a:{}:b"]
    )
    def test_it_is_found_beside_other_words(self, memo: str) -> None:
        """A template may put anything around it, with blanks or colons between."""
        assert str(read_authenticator(memo.format(WORD))) == WORD

    @pytest.mark.parametrize(
        "memo",
        [
            "",
            ":",
            "article",
            WORD[:-1],
            f"{WORD}A",
            f"x{WORD}",
            f"article-{WORD}",
            "=" * 24,
            "é" * 24,
            "!" * 24,
            f"{WORD[:-1]}=",
            f"{WORD[:-1]}+",
            "0123456789abcdef0123456789abcdef",
        ],
    )
    def test_nothing_else_is_one(self, memo: str) -> None:
        """Another length or another letter is no memo of ours."""
        assert read_authenticator(memo) is None

    @given(st.text(max_size=60))
    def test_no_text_breaks_it(self, memo: str) -> None:
        """Whatever a memo says, it has an authenticator or it has none."""
        found = read_authenticator(memo)
        assert found is None or str(found) in memo

    def test_of_several_the_last_counts(self) -> None:
        """A v0 template ends with it."""
        other = WORD[:-1] + "B"
        assert str(read_authenticator(f"{other}:{WORD}")) == WORD


class TestDump:
    @given(quotes())
    def test_what_is_written_is_read(self, quote: Quote) -> None:
        """Every part comes back as it was."""
        assert load(dump(quote), BUILT_IN) == quote

    def test_another_version_is_refused(self) -> None:
        """What a later gateway wrote is not guessed at."""
        with pytest.raises(Declined) as caught:
            load(dump(QUOTE).replace(b'"v":1', b'"v":2'), BUILT_IN)
        assert caught.value.code is Code.INVALID_PAYMENT_PROOF

    def test_an_asset_that_is_gone_is_refused(self) -> None:
        """A quote in a token that is no longer taken buys nothing."""
        with pytest.raises(Declined) as caught:
            load(dump(evolve(QUOTE, amount=Money(minor=1, asset=USDC))), Assets([USD]))
        assert caught.value.code is Code.INVALID_PAYMENT_PROOF

    def test_its_name_is_expiry_and_randomness(self) -> None:
        """The authenticator shows the same two, so a quote is spent once in either form."""
        assert QUOTE.id == struct.pack(">I", QUOTE.expires_at).hex() + QUOTE.nonce.hex()


QUOTE = Quote(
    network="solana:x",
    tenant=Tenant("default"),
    purpose=Purpose.PURCHASE,
    resource="article",
    quantity=1,
    inputs={},
    amount=Money(minor=50_000, asset=USDC),
    pay_to="wallet",
    coupons=(),
    applied=(),
    principal=None,
    issued_at=1_800_000_000,
    expires_at=1_800_000_300,
    nonce=b"nonce",
)
