"""Seals: what one gateway made, for one tenant, under keys that are not retired for too long."""

import base64
import secrets
from datetime import datetime, timedelta

import pytest
from attrs import define, evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from tillway.adapters.sealing import MasterKey, Sealer
from tillway.core.assets import BUILT_IN, USDC
from tillway.core.contracts.counts import count
from tillway.core.contracts.samples import NOW
from tillway.core.errors import Code, Declined
from tillway.core.money import Money
from tillway.core.quotes import Authenticator, Purpose, Quote
from tillway.core.tenancy import DEFAULT, Tenant

CASES = count(200, 2_000)
RETENTION = timedelta(minutes=6)
FIRST, SECOND = MasterKey(secret=b"a" * 32), MasterKey(secret=b"b" * 32)
OTHER = Tenant("other")

QUOTE = Quote(
    network="solana:x",
    tenant=DEFAULT,
    purpose=Purpose.PURCHASE,
    resource="article",
    quantity=1,
    inputs={"size": "m"},
    amount=Money(minor=50_000, asset=USDC),
    pay_to="wallet",
    coupons=("HALF",),
    applied=("HALF", "AUTO"),
    principal=None,
    issued_at=int(NOW.timestamp()),
    expires_at=int(NOW.timestamp()) + 300,
    nonce=b"nonce",
)


@define
class Time:
    """A clock that is set."""

    now: datetime = NOW


def sealer(*keys: MasterKey, time: Time | None = None) -> Sealer:
    at = time or Time()
    return Sealer(
        keys=keys or (FIRST,),
        assets=BUILT_IN,
        now=lambda: at.now,
        random=secrets.token_bytes,
        retention=RETENTION,
    )


def is_refused(seals: Sealer, sealed: str, tenant: Tenant = DEFAULT) -> bool:
    with pytest.raises(Declined) as caught:
        seals.open(sealed, tenant)
    return caught.value.code is Code.INVALID_PAYMENT_PROOF


class TestSealed:
    def test_what_was_sealed_is_opened(self) -> None:
        """Every part comes back, expired or not."""
        assert sealer().open(sealer().seal(QUOTE), DEFAULT) == QUOTE

    def test_it_tells_nothing_and_is_never_the_same(self) -> None:
        """Two seals of one quote have nothing in common but their start."""
        one, other = sealer().seal(QUOTE), sealer().seal(QUOTE)
        assert one != other
        assert "article" not in one

    def test_it_is_safe_in_headers_and_json(self) -> None:
        """Base64url letters and a dot."""
        assert set(sealer().seal(QUOTE)) <= set(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
        )

    @pytest.mark.parametrize("padding", range(4))
    def test_no_character_can_be_changed(self, padding: int) -> None:
        """Each one is replaced, removed and doubled; the length decides about unused bits."""
        seals = sealer()
        sealed = seals.seal(evolve(QUOTE, resource="r" * (7 + padding)))
        for at, letter in enumerate(sealed):
            other = "B" if letter != "B" else "C"
            assert is_refused(seals, sealed[:at] + other + sealed[at + 1 :])
            assert is_refused(seals, sealed[:at] + sealed[at + 1 :])
            assert is_refused(seals, sealed[:at] + letter + sealed[at:])

    @pytest.mark.parametrize("padding", range(4))
    def test_it_has_one_spelling(self, padding: int) -> None:
        """The last letter has bits that no byte needs: they must be zero."""
        seals = sealer()
        sealed = seals.seal(evolve(QUOTE, resource="r" * (7 + padding)))
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        others = [sealed[:-1] + letter for letter in letters if letter != sealed[-1]]
        assert all(is_refused(seals, other) for other in others)
        assert is_refused(seals, sealed + "=")

    @settings(max_examples=CASES)
    @given(st.data())
    def test_no_bit_can_be_changed(self, data: st.DataObject) -> None:
        """Key id, nonce, text and tag are all covered."""
        seals = sealer(FIRST, SECOND)
        raw = bytearray(_raw(seals.seal(QUOTE)))
        bit = data.draw(st.integers(0, len(raw) * 8 - 1))
        raw[bit // 8] ^= 1 << bit % 8
        assert is_refused(seals, _written(bytes(raw)))

    @pytest.mark.parametrize("cut", [0, 1, 3, 12, 28, 29, 60, -1])
    def test_it_cannot_be_cut(self, cut: int) -> None:
        """A part of it is nothing."""
        raw = _raw(sealer().seal(QUOTE))
        assert is_refused(sealer(), _written(raw[:cut]))

    @given(st.text(max_size=80))
    def test_no_text_is_one_by_chance(self, text: str) -> None:
        """Nor does any break the reader, with our mark before it or without."""
        assert is_refused(sealer(), text)
        assert is_refused(sealer(), f"q1.{text}")

    def test_a_huge_one_is_refused(self) -> None:
        """Before anything is decoded."""
        assert is_refused(sealer(), "q1." + "A" * 100_000)


class TestAuthenticator:
    def test_it_vouches_for_its_quote(self) -> None:
        """And takes expiry and randomness from it."""
        seals = sealer()
        made = seals.authenticate(QUOTE)
        assert seals.vouches(made, QUOTE)
        assert (made.expires_at, made.nonce) == (QUOTE.expires_at, QUOTE.nonce)

    @pytest.mark.parametrize(
        "change",
        [
            {"network": "solana:y"},
            {"tenant": OTHER},
            {"purpose": Purpose.CART},
            {"resource": "book"},
            {"quantity": 2},
            {"inputs": {"size": "l"}},
            {"inputs": {}},
            {"amount": Money(minor=49_999, asset=USDC)},
            {"amount": Money(minor=50_000, asset=BUILT_IN.by_code("PYUSD"))},
            {"pay_to": "another"},
            {"coupons": ()},
            {"coupons": ("HALF", "MORE")},
            {"expires_at": QUOTE.expires_at + 1},
            {"nonce": b"other"},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_it_vouches_for_no_other_terms(self, change: dict[str, object]) -> None:
        """Each of the terms is covered, alone."""
        seals = sealer()
        made, changed = seals.authenticate(QUOTE), evolve(QUOTE, **change)  # type: ignore[arg-type]  # the names are the fields'
        moved = evolve(made, expires_at=changed.expires_at, nonce=changed.nonce)
        assert not seals.vouches(made, changed)
        assert not seals.vouches(moved, changed)

    @settings(max_examples=CASES)
    @given(st.integers(0, 18 * 8 - 1))
    def test_no_bit_can_be_changed(self, bit: int) -> None:
        """Key id, expiry, randomness and MAC."""
        seals = sealer(FIRST, SECOND)
        made = seals.authenticate(QUOTE)
        raw = bytearray(
            bytes([made.key_id]) + made.expires_at.to_bytes(4, "big") + made.nonce + made.mac
        )
        raw[bit // 8] ^= 1 << bit % 8
        spoiled = Authenticator(
            key_id=raw[0],
            expires_at=int.from_bytes(raw[1:5], "big"),
            nonce=bytes(raw[5:10]),
            mac=bytes(raw[10:]),
        )
        quote = evolve(QUOTE, expires_at=spoiled.expires_at, nonce=spoiled.nonce)
        assert not seals.vouches(spoiled, quote)


class TestTenants:
    def test_nothing_of_one_opens_for_another(self) -> None:
        """Keys are derived for each, from one master key."""
        seals = sealer()
        assert is_refused(seals, seals.seal(QUOTE), OTHER)
        assert is_refused(seals, seals.seal(evolve(QUOTE, tenant=OTHER)), DEFAULT)

    def test_an_authenticator_of_one_is_none_of_another(self) -> None:
        """The tenant is in the key and in what it covers."""
        seals = sealer()
        theirs = evolve(QUOTE, tenant=OTHER)
        assert not seals.vouches(seals.authenticate(QUOTE), theirs)
        assert not seals.vouches(seals.authenticate(theirs), QUOTE)

    @given(st.text(max_size=6), st.text(max_size=6))
    def test_no_two_names_run_into_each_other(self, one: str, other: str) -> None:
        """Whatever tenants are called."""
        seals = sealer()
        sealed = seals.seal(evolve(QUOTE, tenant=Tenant(one)))
        if one == other:
            assert seals.open(sealed, Tenant(other)).tenant == one
        else:
            assert is_refused(seals, sealed, Tenant(other))


class TestRotation:
    def test_the_first_seals_and_all_open(self) -> None:
        """A process that has the new key first still opens what the old one sealed."""
        old, new = sealer(FIRST), sealer(SECOND, evolve(FIRST, retired_at=NOW))
        assert new.open(old.seal(QUOTE), DEFAULT) == QUOTE
        assert new.vouches(old.authenticate(QUOTE), QUOTE)
        assert is_refused(old, new.seal(QUOTE))
        assert not old.vouches(new.authenticate(QUOTE), QUOTE)

    @pytest.mark.parametrize(("late", "opens"), [(-1, True), (0, False), (1, False)])
    def test_a_retired_key_opens_for_its_quotes_lives(self, late: int, opens: bool) -> None:
        """Until the longest-lived quote and the clock skew are over, and not a second longer."""
        time = Time()
        seals = sealer(SECOND, evolve(FIRST, retired_at=NOW), time=time)
        sealed, made = sealer(FIRST).seal(QUOTE), sealer(FIRST).authenticate(QUOTE)
        time.now = NOW + RETENTION + timedelta(seconds=late)

        assert seals.vouches(made, QUOTE) is opens
        if opens:
            assert seals.open(sealed, DEFAULT) == QUOTE
        else:
            assert is_refused(seals, sealed)

    def test_two_keys_may_share_an_id(self) -> None:
        """The id is a byte: each key of that id is tried."""
        twin = _twin_of(FIRST)
        seals = sealer(twin, FIRST)
        assert twin.id == FIRST.id
        assert seals.open(sealer(FIRST).seal(QUOTE), DEFAULT) == QUOTE
        assert seals.vouches(sealer(FIRST).authenticate(QUOTE), QUOTE)
        assert is_refused(sealer(twin), sealer(FIRST).seal(QUOTE))

    def test_keys_are_not_shown(self) -> None:
        """No repr has a secret."""
        assert "aaaa" not in repr(FIRST)
        assert "aaaa" not in repr(sealer())


def _raw(sealed: str) -> bytes:
    text = sealed.removeprefix("q1.")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _written(raw: bytes) -> str:
    return "q1." + base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _twin_of(key: MasterKey) -> MasterKey:
    """Find another key of the same id; there are 256."""
    numbered = (MasterKey(secret=number.to_bytes(32, "big")) for number in range(100_000))
    return next(twin for twin in numbered if twin.id == key.id)
