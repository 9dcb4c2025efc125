"""Others' x402 clients, unmodified but for the RPC URL, buy the demo seller."""

import pytest
from solders.keypair import Keypair

from e2e.clients import Broke, Client
from e2e.offers import ARTICLE, DEVNET, PRICE, shop
from e2e.sandbox import Sandbox


class TestBuying:
    def test_the_article_is_granted_for_exactly_its_price(
        self, client: Client, sandbox: Sandbox, wallet: Keypair
    ) -> None:
        """One run: 200, the grant, the receipt; and on the chain one payment of 50,000 units."""
        seller, buyer = shop(sandbox), wallet.pubkey()
        sandbox.fund(buyer, usdc="1.00")
        before = seller.takings()

        bought = client.buy(seller.at(ARTICLE), sandbox.rpc_url, wallet)

        assert bought.status == 200, bought
        assert bought.receipt is not None
        signature = bought.receipt["transaction"]
        assert bought.body == {
            "success": True,
            "resource": ARTICLE,
            "granted": True,
            "method": "x402",
            "wallet": str(buyer),
            "signature": signature,
        }
        said = {name: value for name, value in bought.receipt.items() if value is not None}
        network = DEVNET if client.version == 2 else "solana-devnet"
        assert said == {
            "success": True,
            "transaction": signature,
            "network": network,
            "payer": str(buyer),
        }
        assert sandbox.has_confirmed(signature)
        assert seller.takings() - before == PRICE
        assert sandbox.tokens(buyer, seller.mint) == 1_000_000 - PRICE

    def test_the_buyer_needs_no_sol(
        self, client: Client, sandbox: Sandbox, wallet: Keypair
    ) -> None:
        """Our wallet pays the fee: a buyer without a lamport buys, and still has none."""
        seller, buyer = shop(sandbox), wallet.pubkey()
        sandbox.fund(buyer, usdc="0.05")
        assert sandbox.lamports(buyer) == 0

        bought = client.buy(seller.at(ARTICLE), sandbox.rpc_url, wallet)

        assert bought.status == 200, bought
        assert sandbox.lamports(buyer) == 0
        assert sandbox.tokens(buyer, seller.mint) == 0


class TestBuyingWithoutMoney:
    # The legacy client simulates its transfer first and gives up by itself.
    @pytest.mark.parametrize("client", ["httpx", "requests", "fetch"], indirect=True)
    def test_a_payment_that_is_not_covered_gets_a_402_and_moves_nothing(
        self, client: Client, sandbox: Sandbox, wallet: Keypair
    ) -> None:
        """The clients pay what they do not have; the answer is an offer again, no receipt."""
        seller = shop(sandbox)
        sandbox.fund(wallet.pubkey(), usdc="0.049999")
        before = seller.takings()

        refused = client.buy(seller.at(ARTICLE), sandbox.rpc_url, wallet)

        assert refused.status == 402
        assert refused.receipt is None
        assert seller.takings() == before


class TestSpendingCaps:
    def test_a_dear_course_is_bought_only_when_the_buyer_raises_his_cap(
        self, client: Client, sandbox: Sandbox, wallet: Keypair
    ) -> None:
        """At $49 every client refuses by itself and pays nothing; told to, it pays exactly."""
        seller, buyer = shop(sandbox), wallet.pubkey()
        sandbox.fund(buyer, usdc="50.00")
        before, url = seller.takings(), seller.at("demo-course")

        with pytest.raises(Broke, match=r"max_?[aA]mount_?[pP]er_?[pP]ayment|exceeds maximum"):
            client.buy(url, sandbox.rpc_url, wallet)
        assert seller.takings() == before

        cap = "$50" if client.version == 2 else "49000000"
        assert client.buy(url, sandbox.rpc_url, wallet, cap).status == 200
        assert seller.takings() - before == 49_000_000
