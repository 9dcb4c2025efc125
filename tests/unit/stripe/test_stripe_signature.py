import hashlib
import hmac
import random
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from support.manual_clock import ManualClock
from support.stripe_objects import event, session
from tillway.adapters.stripe.signature import refuse_forged, signature
from tillway.core.contracts.counts import count
from tillway.core.contracts.samples import NOW
from tillway.core.errors import Code, Declined
from tillway.core.secrets import Secret

NEW, OLD = Secret("whsec_new"), Secret("whsec_old")
BODY = event("checkout.session.completed", session())
COUNT = count(1_000, 5_000)

Forgery = tuple[Mapping[str, str], bytes, tuple[Secret, ...]]


def _accepted(headers: Mapping[str, str], body: bytes, secrets: tuple[Secret, ...]) -> bool:
    try:
        refuse_forged(headers, body, secrets, NOW)
    except Declined as refused:
        return refused.code is not Code.INVALID_SIGNATURE
    return True


def _signed(body: bytes = BODY, secret: Secret = NEW, age: float = 0) -> Mapping[str, str]:
    return {"Stripe-Signature": signature(body, secret, NOW - timedelta(seconds=age))}


class TestAuthentic:
    def test_what_stripe_signed_is_taken(self) -> None:
        """As Stripe's own package signs it."""
        stamp = int(NOW.timestamp())
        mac = hmac.new(b"whsec_new", f"{stamp}.".encode() + BODY, hashlib.sha256).hexdigest()

        assert _accepted({"stripe-signature": f"t={stamp},v1={mac},v0=old"}, BODY, (NEW,))

    @pytest.mark.parametrize("signer", [NEW, OLD])
    def test_either_secret_counts_during_a_rotation(self, signer: Secret) -> None:
        """Whichever of the two has signed."""
        assert _accepted(_signed(secret=signer), BODY, (NEW, OLD))

    def test_one_good_signature_of_several_is_enough(self) -> None:
        """Stripe signs with both of an endpoint's secrets while it rolls them."""
        given = _signed()["Stripe-Signature"]
        first, _, good = given.partition(",")

        assert _accepted({"Stripe-Signature": f"{first},v1={'0' * 64},{good}"}, BODY, (NEW,))

    @pytest.mark.parametrize("age", [300, -300])
    def test_five_minutes_are_tolerated(self, age: float) -> None:
        """By our clock, either way."""
        assert _accepted(_signed(age=age), BODY, (NEW,))

    def test_the_clock_is_ours(self) -> None:
        """A clock that was moved on finds it stale."""
        clock = ManualClock()
        clock.move(301)

        with pytest.raises(Declined):
            refuse_forged(_signed(), BODY, (NEW,), clock.now())


def _unsigned(chance: random.Random) -> Forgery:
    header = chance.choice(["", "v1=", "t=,v1=", f"t={int(NOW.timestamp())}", "nonsense"])
    return chance.choice([{}, {"Stripe-Signature": header}]), BODY, (NEW,)


def _no_secret(chance: random.Random) -> Forgery:
    empty = chance.choice([(), (Secret(""),), (Secret(" "),), (Secret(""), Secret("\t"))])
    signer = chance.choice([Secret(""), Secret(" "), NEW])
    return _signed(secret=signer), BODY, empty


def _wrong_key(chance: random.Random) -> Forgery:
    return _signed(secret=Secret(f"whsec_{chance.getrandbits(64):x}")), BODY, (NEW, OLD)


def _stale(chance: random.Random) -> Forgery:
    age = chance.choice([-1, 1]) * (301 + chance.expovariate(1 / 10_000))
    return _signed(age=age), BODY, (NEW,)


def _swapped(chance: random.Random) -> Forgery:
    place = chance.randrange(len(BODY))
    other = BODY[:place] + bytes([BODY[place] ^ (1 << chance.randrange(8))]) + BODY[place + 1 :]
    return _signed(), chance.choice([other, BODY + b" ", BODY[:-1], b""]), (NEW,)


def _moved_on(chance: random.Random) -> Forgery:
    """Give an old signature another time."""
    _, _, good = _signed(age=1_000)["Stripe-Signature"].partition(",")
    return {"Stripe-Signature": f"t={int(NOW.timestamp())},{good}"}, BODY, (NEW,)


def _twisted(chance: random.Random) -> Forgery:
    given = list(_signed()["Stripe-Signature"])
    place = chance.randrange(given.index("v") + 3, len(given))
    given[place] = chance.choice([c for c in "0123456789abcdefé" if c != given[place]])
    return {"Stripe-Signature": "".join(given)}, BODY, (NEW,)


def _two_times(chance: random.Random) -> Forgery:
    good, bad = _signed()["Stripe-Signature"], chance.randrange(10**10)
    return {"Stripe-Signature": chance.choice([f"t={bad},{good}", f"{good},t={bad}"])}, BODY, (NEW,)


def _two_headers(chance: random.Random) -> Forgery:
    good = _signed()["Stripe-Signature"]
    return {"Stripe-Signature": good, "stripe-signature": good}, BODY, (NEW,)


FORGERIES: tuple[Callable[[random.Random], Forgery], ...] = (
    _unsigned,
    _no_secret,
    _wrong_key,
    _stale,
    _swapped,
    _moved_on,
    _twisted,
    _two_times,
    _two_headers,
)


class TestForged:
    def test_no_forgery_is_taken(self) -> None:
        """Unsigned, no secret, wrong key, stale, body swapped and more, by the thousand."""
        chance = random.Random(17)
        taken = [
            forge.__name__
            for number in range(COUNT)
            if _accepted(*(forge := FORGERIES[number % len(FORGERIES)])(chance))
        ]

        assert taken == []
        assert COUNT >= 1_000
