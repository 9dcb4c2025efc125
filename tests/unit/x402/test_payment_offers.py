"""Offers, as each version of x402 writes them."""

import asyncio
from decimal import Decimal

import pytest
from attrs import evolve
from solders.pubkey import Pubkey

from support.solana_fakes import (
    SHOWN,
    FakeChain,
    FakeClock,
    FakeWallets,
    offering_of,
    token_account_bytes,
)
from support.transactions import (
    MEMO_TEXT,
    OTHER_SPONSOR,
    SEALED,
    SELLER,
    SPONSOR,
    STRANGER,
    account_of,
    keypair,
    quote_of,
)
from tillway.adapters.x402.config import Sponsoring
from tillway.adapters.x402.offer import Offering
from tillway.adapters.x402.owners import Owners
from tillway.core.assets import PYUSD
from tillway.core.errors import Declined
from tillway.core.ports.rails import Offer, Shown
from tillway.core.quotes import Purpose, Quote

USDC_MINT = "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"
RECEIVER = str(Pubkey(account_of(SELLER)))


def offer(offering: Offering, quote: Quote | None = None, shown: Shown = SHOWN) -> Offer:
    return offering.offer(quote or quote_of(), SEALED, MEMO_TEXT, shown)


class TestVersionZero:
    def test_it_is_the_cedros_requirement(self) -> None:
        """Every member of the contract, and the sealed quote beside the memo."""
        (found,) = offer(offering_of()).accepts[0]
        assert found == {
            "scheme": "solana-spl-transfer",
            "network": "devnet",
            "maxAmountRequired": "50000",
            "resource": "article",
            "description": "An article",
            "mimeType": "application/json",
            "payTo": str(SELLER),
            "maxTimeoutSeconds": 300,
            "asset": USDC_MINT,
            "extra": {
                "recipientTokenAccount": RECEIVER,
                "decimals": 6,
                "tokenSymbol": "USDC",
                "memo": f"article:{MEMO_TEXT}",
                "quote": SEALED,
                "feePayer": str(SPONSOR.pubkey()),
            },
        }

    def test_coupons_are_shown_and_change_nothing_else(self) -> None:
        """What is shown can never stand in the place of a fact."""
        extra = {"applied_coupons": "A,B", "memo": "forged", "decimals": "9"}
        shown = evolve(SHOWN, extra=extra, memo_template="{{nonce}}")
        (found,) = offer(offering_of(gasless=False), shown=shown).accepts[0]
        said = found["extra"]
        assert isinstance(said, dict)
        assert said["applied_coupons"] == "A,B"
        assert (said["memo"], said["decimals"]) == (MEMO_TEXT, 6)
        assert "feePayer" not in said

    @pytest.mark.parametrize(
        ("purpose", "resource", "memo"),
        [
            (Purpose.CART, "cart:cart_1", f"cedros:cart:cart_1:{MEMO_TEXT}"),
            (Purpose.REFUND, "refund:cart_1", f"cedros:refund:cart_1:{MEMO_TEXT}"),
            (Purpose.PURCHASE, "cart_1", f"cart_1:{MEMO_TEXT}"),
        ],
    )
    def test_carts_and_refunds_say_so(self, purpose: Purpose, resource: str, memo: str) -> None:
        """The old server's words for them, and its memo prefix."""
        quote = evolve(quote_of(purpose=purpose), resource="cart_1")
        (found,) = offer(offering_of(), quote).accepts[0]
        extra = found["extra"]
        assert isinstance(extra, dict)
        assert (found["resource"], extra["memo"]) == (resource, memo)

    def test_a_refund_pays_a_customer_and_is_never_sponsored(self) -> None:
        """The money goes to the associated account of the customer's wallet."""
        quote = quote_of(pay_to=str(STRANGER.pubkey()), purpose=Purpose.REFUND)
        found = offer(offering_of(), quote)
        (requirement,) = found.accepts[0]
        extra = requirement["extra"]
        assert isinstance(extra, dict)
        assert extra["recipientTokenAccount"] == str(Pubkey(account_of(STRANGER.pubkey())))
        assert "feePayer" not in extra
        assert set(found.accepts) == {0}


class TestOfficialVersions:
    def test_version_one(self) -> None:
        """Amount as maxAmountRequired, the resource as a URL, the seller's wallet, no nulls."""
        (found,) = offer(offering_of()).accepts[1]
        assert found == {
            "scheme": "exact",
            "network": "solana-devnet",
            "maxAmountRequired": "50000",
            "resource": SHOWN.url,
            "description": "An article",
            "mimeType": "application/json",
            "payTo": str(SELLER),
            "maxTimeoutSeconds": 300,
            "asset": USDC_MINT,
            "extra": {"feePayer": str(SPONSOR.pubkey()), "memo": MEMO_TEXT},
        }

    def test_version_two(self) -> None:
        """Nothing beside extra that a client would have to bring back."""
        (found,) = offer(offering_of()).accepts[2]
        assert found == {
            "scheme": "exact",
            "network": "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1",
            "amount": "50000",
            "asset": USDC_MINT,
            "payTo": str(SELLER),
            "maxTimeoutSeconds": 300,
            "extra": {
                "feePayer": str(SPONSOR.pubkey()),
                "memo": MEMO_TEXT,
                "quote": SEALED,
            },
        }

    def test_they_do_not_depend_on_the_gasless_switch(self) -> None:
        """It is the old server's setting, for the old server's clients."""
        found = offer(offering_of(gasless=False))
        assert set(found.accepts) == {0, 1, 2}

    def test_without_a_healthy_wallet_there_is_the_old_offer_only(self) -> None:
        """Official clients cannot pay their own fee."""
        found = offer(offering_of(FakeWallets(healthy=[])))
        assert set(found.accepts) == {0}
        assert "feePayer" not in str(found.accepts)

    def test_wallets_take_turns(self) -> None:
        """One wallet does not sponsor everybody."""
        offering = offering_of()
        payers = [str(offer(offering).accepts[2][0]["extra"]) for _ in range(2)]
        assert str(SPONSOR.pubkey()) in payers[0]
        assert str(OTHER_SPONSOR.pubkey()) in payers[1]

    def test_a_spent_budget_passes_to_the_next_wallet(self) -> None:
        """And with all of them spent, the sponsored offers go."""
        offering = offering_of(sponsoring=Sponsoring(lamports_per_hour=30_000))
        tenant = quote_of().tenant
        names = [offering.budget.name_of(bytes(one.pubkey())) for one in (SPONSOR, OTHER_SPONSOR)]
        offering.budget.learn(tenant, {names[0]: 1})
        assert str(OTHER_SPONSOR.pubkey()) in str(offer(offering).accepts[2])
        assert str(OTHER_SPONSOR.pubkey()) in str(offer(offering).accepts[2])
        offering.budget.learn(tenant, dict.fromkeys(names, 1))
        assert set(offer(offering).accepts) == {0}

    def test_nothing_cheaper_than_its_fee_is_worth(self) -> None:
        """With a price of SOL set."""
        limits = Sponsoring(sol_usd=Decimal(1000))
        assert set(offer(offering_of(sponsoring=limits)).accepts) == {0}
        assert set(offer(offering_of(sponsoring=limits), quote_of(60_000)).accepts) == {0, 1, 2}


class TestAccountsOfProducts:
    async def test_its_owners_associated_account_is_offered_to_all(self) -> None:
        """The owner is looked up behind the first offer."""
        account = account_of(STRANGER.pubkey())
        held = {Pubkey(account): token_account_bytes(STRANGER.pubkey())}
        offering = offering_of(chain=FakeChain(held=held))
        quote = quote_of(pay_to=str(Pubkey(account)))
        assert set(offer(offering, quote).accepts) == {0}
        await offering.owners.look_up()
        found = offer(offering, quote)
        assert set(found.accepts) == {0, 1, 2}
        assert found.accepts[0][0]["payTo"] == str(Pubkey(account))
        assert found.accepts[1][0]["payTo"] == str(STRANGER.pubkey())
        assert found.accepts[2][0]["payTo"] == str(STRANGER.pubkey())

    async def test_any_other_account_only_to_the_old_clients(self) -> None:
        """Official clients derive the account from a wallet and would miss it."""
        account = keypair("shop").pubkey()
        held = {account: token_account_bytes(STRANGER.pubkey())}
        offering = offering_of(chain=FakeChain(held=held))
        quote = quote_of(pay_to=str(account))
        offer(offering, quote)
        await offering.owners.look_up()
        assert set(offer(offering, quote).accepts) == {0}

    async def test_what_is_no_token_account_is_forgotten(self) -> None:
        """It is asked for again when it is offered again."""
        chain = FakeChain()
        owners = Owners(chain=chain, clock=FakeClock())
        assert owners.of(b"a" * 32) is None
        await owners.look_up()
        await owners.look_up()
        assert chain.asked == ["accounts"]
        assert owners.of(b"a" * 32) is None
        await owners.look_up()
        assert chain.asked == ["accounts", "accounts"]

    async def test_owners_are_looked_up_in_the_background(self) -> None:
        """Between start and close, without anyone asking."""
        account = account_of(STRANGER.pubkey())
        held = {Pubkey(account): token_account_bytes(STRANGER.pubkey())}
        owners = Owners(chain=FakeChain(held=held), clock=FakeClock())
        await owners.start()
        found = owners.of(account)
        for _ in range(10):
            await asyncio.sleep(0)
            found = found or owners.of(account)
        await owners.aclose()
        await owners.aclose()
        assert found == bytes(STRANGER.pubkey())


class TestOtherQuotes:
    def test_token_2022(self) -> None:
        """The account is derived with the mint's own program."""
        (found,) = offer(offering_of(), quote_of(asset=PYUSD)).accepts[0]
        extra = found["extra"]
        assert isinstance(extra, dict)
        assert extra["recipientTokenAccount"] == str(Pubkey(account_of(SELLER, PYUSD)))

    def test_another_networks_quote_is_not_offered(self) -> None:
        """It cannot be paid here."""
        with pytest.raises(Declined):
            offer(offering_of(), evolve(quote_of(), network="solana:other"))
