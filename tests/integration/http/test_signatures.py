"""Nonces and what wallets sign: each refusal of the contract, in its order."""

import asyncio
import base64
import random
import string
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from attrs import evolve
from solders.keypair import Keypair

from support.contract_shop import faulty
from support.shop import Shop, open_shop
from support.words import shown_by, signed_text
from tillway.core.contracts.counts import count
from tillway.core.errors import Code, Declined
from tillway.core.services.nonces import LIFETIME, MOST_WAITING
from tillway.core.services.rails import Rails
from tillway.core.services.signatures import Deed, Shown, Signatures
from tillway.core.tenancy import Tenant

NONCE = "/paywall/v1/nonce"
ADMIN, STRANGER = Keypair(), Keypair()
APPROVE = Deed(action="approve-refund", subject="refund_1", signers=[str(ADMIN.pubkey())])
LISTED = evolve(APPROVE, action="list-pending-refunds", subject=None, hint="sign it")
SAID = "approve-refund:refund_1"
FORGERIES = count(300, 3_000)


@pytest.fixture
async def quiet() -> AsyncIterator[Shop]:
    async with open_shop(background=False) as made:
        yield made


async def nonce(shop: Shop, purpose: str = "refund_approve") -> str:
    answer = await shop.post(NONCE, {"purpose": purpose})
    assert answer.status == 200
    return str(answer.body["nonce"])


async def verified(shop: Shop, shown: Shown | None, deed: Deed = APPROVE) -> str:
    return await shop.gateway.services.signatures.verify(shop.tenant, shown, deed)


async def refusal(shop: Shop, shown: Shown | None, deed: Deed = APPROVE) -> Declined:
    with pytest.raises(Declined) as refused:
        await verified(shop, shown, deed)
    return refused.value


class TestANonce:
    @pytest.mark.parametrize("purpose", ["refund_list", "list-pending-refunds", "anything"])
    async def test_is_given_for_any_purpose(self, shop: Shop, purpose: str) -> None:
        """In either vocabulary, echoed as it was asked, for five minutes."""
        answer = await shop.post(NONCE, {"purpose": purpose})

        body = answer.body
        assert answer.status == 200
        assert set(body) == {"nonce", "expiresAt", "purpose"}
        assert len(body["nonce"]) == 32
        assert int(body["nonce"], 16) >= 0
        assert body["purpose"] == purpose
        assert body["expiresAt"] - int(shop.clock.now().timestamp()) in (299, 300)
        assert answer.headers["Cache-Control"] == "no-store"

    async def test_bad_requests(self, quiet: Shop) -> None:
        """A purpose is required, and short."""
        missing = await quiet.post(NONCE, {})
        long = await quiet.post(NONCE, {"purpose": "p" * 65})
        unknown = await quiet.post(NONCE, {"purpose": "p", "path": "/"})

        assert (missing.status, missing.body) == (
            400,
            faulty("missing_field", "purpose", "purpose required"),
        )
        assert (long.status, long.code) == (400, "invalid_field")
        assert (unknown.status, unknown.code) == (400, "invalid_field")

    async def test_one_address_has_so_many(self, quiet: Shop) -> None:
        """Others are not in its way, and with time it may ask again."""
        for _ in range(MOST_WAITING):
            await nonce(quiet)

        refused = await quiet.post(NONCE, {"purpose": "refund_list"})
        async with quiet.visited_from("127.0.0.9") as other:
            await nonce(other)
        quiet.clock.forward(LIFETIME + timedelta(seconds=1))

        assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
        assert refused.headers["Retry-After"] == "300"
        await nonce(quiet)


class TestASignature:
    async def test_the_message_alone_is_enough(self, quiet: Shop) -> None:
        """As clients of the Cedros server in Go sign it."""
        assert await verified(quiet, shown_by(ADMIN, SAID)) == str(ADMIN.pubkey())

    async def test_a_nonce_makes_it_good_for_once(self, shop: Shop) -> None:
        """Behind the message, or sent beside it."""
        for text in (f"{SAID}:{{}}", SAID):
            made = await nonce(shop)
            shown = shown_by(ADMIN, text.format(made), made)
            assert await verified(shop, shown) == str(ADMIN.pubkey())
            again = await refusal(shop, shown)
            assert again.message == f"nonce validation failed: nonce already consumed: {made}"

    async def test_the_form_of_the_server_in_rust(self, quiet: Shop) -> None:
        """Its message is not sent: it is the deed's own, with the nonce in it or not."""
        for text in (f"{SAID}:{{}}", SAID):
            made = await nonce(quiet)
            signature = signed_text(ADMIN, text.format(made))
            shown = Shown(signer=str(ADMIN.pubkey()), signature=signature, nonce=made)
            assert await verified(quiet, shown) == str(ADMIN.pubkey())

    async def test_a_nonce_in_place_of_a_subject(self, quiet: Shop) -> None:
        """Has to be there, and cannot be left out."""
        made = await nonce(quiet, "refund_list")
        assert await verified(quiet, shown_by(ADMIN, f"list-pending-refunds:{made}"), LISTED)
        bare = await refusal(quiet, shown_by(ADMIN, "list-pending-refunds"), LISTED)
        assert bare.message == "invalid message format (expected: list-pending-refunds:<nonce>)"
        assert bare.details == {"hint": "sign it"}

    async def test_one_of_many_that_use_a_nonce_at_once(self, shop: Shop) -> None:
        """Is believed."""
        made = await nonce(shop)
        shown = shown_by(ADMIN, f"{SAID}:{made}")
        some = await asyncio.gather(
            *(verified(shop, shown) for _ in range(16)), return_exceptions=True
        )
        assert sum(isinstance(one, str) for one in some) == 1
        assert sum(isinstance(one, Declined) for one in some) == 15

    async def test_refusals_in_their_order(self, quiet: Shop) -> None:
        """Nothing shown, malformed, not signed, not allowed, other words."""
        good = shown_by(ADMIN, SAID)
        cases: list[tuple[Shown | None, str]] = [
            (
                None,
                "signature required: include X-Signature, X-Message, and X-Signer headers",
            ),
            (evolve(good, signature="!"), "invalid signature encoding: not base64"),
            (evolve(good, signature="AAAA"), "invalid signature encoding: not 64 bytes"),
            (evolve(good, signer="0OIl"), "invalid signer address: not an address"),
            (evolve(good, message="approve"), "signature verification failed"),
            (
                evolve(good, signer=str(STRANGER.pubkey())),
                "signature verification failed",
            ),
            (
                shown_by(STRANGER, "whatever"),
                "unauthorized: only payment address can perform this action",
            ),
            (
                shown_by(ADMIN, "deny-refund:refund_1"),
                f"invalid message format (expected: {SAID})",
            ),
            (shown_by(ADMIN, f"{SAID}:x"), f"invalid message format (expected: {SAID})"),
        ]
        for shown, text in cases:
            refused = await refusal(quiet, shown)
            assert (refused.code, refused.message) == (Code.INVALID_SIGNATURE, text)

    async def test_what_was_shown_does_not_use_a_nonce_up_for_strangers(self, quiet: Shop) -> None:
        """Whoever may not do it leaves the nonce as it was."""
        made = await nonce(quiet)
        await refusal(quiet, shown_by(STRANGER, f"{SAID}:{made}"))
        await refusal(quiet, evolve(shown_by(ADMIN, f"{SAID}:{made}"), nonce="0" * 32))
        assert await verified(quiet, shown_by(ADMIN, f"{SAID}:{made}"))

    async def test_a_deed_of_nobody_in_particular_is_his_who_signed_it(self, quiet: Shop) -> None:
        """Whoever that is, but it has to be signed."""
        deed = evolve(APPROVE, signers=None)
        good = shown_by(STRANGER, SAID)
        assert await verified(quiet, good, deed) == str(STRANGER.pubkey())
        refused = await refusal(quiet, evolve(good, signer=str(ADMIN.pubkey())), deed)
        assert refused.message == "signature verification failed"

    async def test_without_a_rail_that_knows_payers_nothing_is_signed(self, quiet: Shop) -> None:
        """A gateway that takes cards only believes no wallet."""
        nonces = quiet.gateway.services.nonces
        signatures = Signatures(rails=Rails.of(()), nonces=nonces)
        with pytest.raises(Declined, match="not an address"):
            await signatures.verify(quiet.tenant, shown_by(ADMIN, SAID), APPROVE)

    async def test_a_message_without_nonce_may_be_refused(self, quiet: Shop) -> None:
        """Where a deed must not be done twice by one signature."""
        deed = evolve(APPROVE, needs_nonce=True)
        refused = await refusal(quiet, shown_by(ADMIN, SAID), deed)
        assert refused.message == f"nonce required: sign {SAID}:<nonce>"
        made = await nonce(quiet)
        assert await verified(quiet, shown_by(ADMIN, f"{SAID}:{made}"), deed)

    async def test_where_a_nonce_is_needed_it_has_to_be_signed(self, quiet: Shop) -> None:
        """Whoever has seen a signature could else send it again, with a nonce of his own."""
        deed, signature = evolve(APPROVE, needs_nonce=True), signed_text(ADMIN, SAID)
        seen = Shown(signer=str(ADMIN.pubkey()), signature=signature)
        for shown in (seen, evolve(seen, message=SAID)):
            fresh = evolve(shown, nonce=await nonce(quiet))
            refused = await refusal(quiet, fresh, deed)
            assert refused.message == f"nonce required: sign {SAID}:<nonce>"


class TestABadNonce:
    async def test_is_refused(self, shop: Shop) -> None:
        """One that never was, one for another purpose, one that is old, another tenant's."""
        other, old = await nonce(shop, "refund_deny"), await nonce(shop)
        services = shop.gateway.services
        elsewhere = await services.nonces.issue(Tenant("elsewhere"), "refund_approve", "")
        for made, text in (
            ("0" * 32, "not found"),
            (other, "not found"),
            (elsewhere.nonce, "not found"),
        ):
            refused = await refusal(shop, shown_by(ADMIN, f"{SAID}:{made}"))
            assert refused.message == f"nonce validation failed: nonce {text}: {made}"
            assert refused.code is Code.INVALID_SIGNATURE
        shop.clock.forward(LIFETIME + timedelta(seconds=1))
        refused = await refusal(shop, shown_by(ADMIN, f"{SAID}:{old}"))
        assert refused.message == f"nonce validation failed: nonce expired: {old}"

    async def test_one_for_a_purpose_that_we_do_not_know_is_good_for_one_deed(
        self, quiet: Shop
    ) -> None:
        """As the reference, which compares no purposes; the words that are signed say what for."""
        made = await nonce(quiet, "whatever")
        assert await verified(quiet, shown_by(ADMIN, f"{SAID}:{made}"))
        await refusal(quiet, shown_by(ADMIN, f"list-pending-refunds:{made}"), LISTED)


class TestForgeries:
    async def test_none_of_many_is_believed(self, quiet: Shop) -> None:
        """Somebody else's signature, one of another text, one bit or letter changed anywhere."""
        chance = random.Random(4)
        names = ("signer", "signature", "message")
        good = shown_by(ADMIN, SAID)
        refused = 0
        for number in range(FORGERIES):
            name = names[number % len(names)]
            text = str(getattr(good, name))
            place = chance.randrange(len(text))
            other = chance.choice(string.ascii_letters + string.digits + "+/:=- ")
            forged = evolve(good, **{name: text[:place] + other + text[place + 1 :]})
            if forged == good or _same_bytes(forged.signature, good.signature, name):
                continue
            await refusal(quiet, forged)
            refused += 1
        assert refused > FORGERIES // 2
        assert await verified(quiet, good)


def _same_bytes(forged: str, signature: str, name: str) -> bool:
    """Tell whether a changed text is the same signature: base64's last letter has idle bits."""
    try:
        return name == "signature" and base64.b64decode(forged) == base64.b64decode(signature)
    except ValueError:
        return False
