"""A Cedros buyer pays by quote and verify, with and without gasless."""

import base64

import pytest
from solders.keypair import Keypair
from solders.message import Message
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from e2e.cedros_buyer import CedrosBuyer, Requirement, receipt
from e2e.http_call import Answer, call
from e2e.offers import ARTICLE, PRICE, Shop, shop
from e2e.sandbox import Sandbox

_SOL = 10**9  # lamports
_FEE = 5_000  # lamports a signature


@pytest.fixture
def article(sandbox: Sandbox) -> Shop:
    return shop(sandbox)


@pytest.fixture
def buyer(sandbox: Sandbox, wallet: Keypair) -> CedrosBuyer:
    return CedrosBuyer(sandbox=sandbox, wallet=wallet)


def quoted(buyer: CedrosBuyer) -> Requirement:
    answer = buyer.quote(ARTICLE)
    assert answer.status == 402, answer.content
    (requirement,) = answer.json()["accepts"]
    assert isinstance(requirement, dict)
    return requirement


def assert_granted(answer: Answer, buyer: CedrosBuyer, network: str) -> str:
    """Compare a regular verify's body and receipt as a whole; give the signature."""
    assert answer.status == 200, answer.content
    signature = answer.json()["signature"]
    assert isinstance(signature, str)
    assert answer.json() == {
        "success": True,
        "resource": ARTICLE,
        "granted": True,
        "method": "x402",
        "wallet": str(buyer.wallet.pubkey()),
        "signature": signature,
    }
    assert receipt(answer) == {
        "success": True,
        "error": None,
        "txHash": signature,
        "networkId": network,
    }
    assert buyer.sandbox.has_confirmed(signature)
    return signature


class TestQuote:
    def test_it_is_one_requirement_that_names_the_price_and_where_it_goes(
        self, buyer: CedrosBuyer, article: Shop
    ) -> None:
        """The envelope has version 0 and one requirement with every key of the contract."""
        answer = buyer.quote(ARTICLE)

        assert answer.status == 402
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["Cache-Control"] == "no-store"
        envelope = answer.json()
        assert envelope["x402Version"] == 0
        (requirement,) = envelope["accepts"]
        extra = requirement.pop("extra")
        assert set(requirement) == {
            "scheme", "network", "maxAmountRequired", "resource", "description", "mimeType",
            "payTo", "maxTimeoutSeconds", "asset",
        }  # fmt: skip
        assert requirement["scheme"] == "solana-spl-transfer"
        assert requirement["network"] == "devnet"
        assert requirement["maxAmountRequired"] == str(PRICE)
        assert requirement["resource"] == ARTICLE
        assert requirement["asset"] == str(article.mint)
        assert requirement["mimeType"] == "application/json"
        assert requirement["maxTimeoutSeconds"] > 0
        assert {"recipientTokenAccount", "decimals", "tokenSymbol", "memo", "feePayer"} <= set(
            extra
        )
        assert (extra["decimals"], extra["tokenSymbol"]) == (6, "USDC")

    def test_two_quotes_have_two_memos(self, buyer: CedrosBuyer) -> None:
        """Two equal purchases within one blockhash must be two transactions."""
        first, second = quoted(buyer), quoted(buyer)
        assert first["extra"]["memo"] != second["extra"]["memo"]


class TestPayingForOneself:
    @pytest.mark.parametrize("bare", [False, True], ids=["base64", "json"])
    def test_the_article_is_granted_for_exactly_its_price(
        self, buyer: CedrosBuyer, article: Shop, *, bare: bool
    ) -> None:
        """A plain Transfer with the quote's memo, its fee paid by the buyer, buys."""
        wallet = buyer.wallet.pubkey()
        buyer.sandbox.fund(wallet, usdc="1.00", sol="1")
        before, requirement = article.takings(), quoted(buyer)
        proof = buyer.self_paid(requirement)

        answer = buyer.submit(proof, bare=bare)

        signature = assert_granted(answer, buyer, requirement["network"])
        assert signature == proof.content["payload"]["signature"]
        assert article.takings() - before == PRICE
        assert buyer.sandbox.lamports(wallet) == _SOL - _FEE

    def test_asking_again_for_a_lost_reply_costs_nothing(
        self, buyer: CedrosBuyer, article: Shop
    ) -> None:
        """The SDK submits the same proof again under another key and gets the same answer."""
        buyer.sandbox.fund(buyer.wallet.pubkey(), usdc="1.00", sol="1")
        before, requirement = article.takings(), quoted(buyer)
        proof = buyer.self_paid(requirement)
        first = assert_granted(buyer.submit(proof), buyer, requirement["network"])

        second = assert_granted(buyer.submit(proof), buyer, requirement["network"])

        assert second == first
        assert article.takings() - before == PRICE

    def test_the_purchase_can_be_looked_up_by_its_signature(self, buyer: CedrosBuyer) -> None:
        """The SDK's later check of a stored signature finds resource, wallet and amount."""
        buyer.sandbox.fund(buyer.wallet.pubkey(), usdc="1.00", sol="1")
        requirement = quoted(buyer)
        answer = buyer.submit(buyer.self_paid(requirement))
        signature = assert_granted(answer, buyer, requirement["network"])

        found = call(
            f"{buyer.sandbox.url}/paywall/v1/x402-transaction/verify?signature={signature}"
        ).json()

        assert found["verified"] is True
        assert found["resource_id"] == ARTICLE
        assert found["wallet"] == str(buyer.wallet.pubkey())
        assert found["amount"] == "0.050000 USDC"


class TestGasless:
    def test_the_gateway_builds_a_transaction_that_it_has_not_signed(
        self, buyer: CedrosBuyer
    ) -> None:
        """A legacy transaction on the answered blockhash, fee payer first, no signature yet."""
        buyer.sandbox.fund(buyer.wallet.pubkey(), usdc="1.00")
        requirement = quoted(buyer)

        answer = buyer.build_gasless(requirement)

        assert answer.status == 200, answer.content
        body = answer.json()
        built = VersionedTransaction.from_bytes(base64.b64decode(body["transaction"]))
        assert isinstance(built.message, Message)
        assert built.signatures == [Signature.default()] * 2
        assert str(built.message.recent_blockhash) == body["blockhash"]
        assert body["feePayer"] == requirement["extra"]["feePayer"]
        signers = [str(key) for key in built.message.account_keys[:2]]
        assert signers == [body["feePayer"], str(buyer.wallet.pubkey())]

    def test_a_buyer_without_sol_is_granted_the_article_for_exactly_its_price(
        self, buyer: CedrosBuyer, article: Shop
    ) -> None:
        """He signs what was built for him; our wallet signs beside him and pays the fee."""
        wallet = buyer.wallet.pubkey()
        buyer.sandbox.fund(wallet, usdc="1.00")
        before, requirement = article.takings(), quoted(buyer)
        built = buyer.build_gasless(requirement).json()

        answer = buyer.submit(buyer.gasless(requirement, built["transaction"]))

        assert_granted(answer, buyer, requirement["network"])
        assert article.takings() - before == PRICE
        assert buyer.sandbox.lamports(wallet) == 0
        assert buyer.sandbox.tokens(wallet, article.mint) == 1_000_000 - PRICE
