"""A whole purchase in two commands: `tillway sandbox` and `tillway pay`."""

import json
from pathlib import Path

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from e2e.http_call import call
from e2e.sandbox import Sandbox
from support.command import tillway

ARTICLE = 50_000  # millionths of a USDC


@pytest.fixture
def wallet_file(sandbox: Sandbox, wallet: Keypair, tmp_path: Path) -> Path:
    """Keep a wallet with 1 USDC and no SOL as the Solana tools do."""
    sandbox.fund(wallet.pubkey(), usdc="1")
    file = tmp_path / "wallet.json"
    file.write_text(wallet.to_json())
    return file


class TestPurchase:
    def test_the_money_moves_on_chain(
        self, sandbox: Sandbox, wallet: Keypair, wallet_file: Path, tmp_path: Path
    ) -> None:
        """The buyer pays the price, the seller gets it all, and pays the network's fee."""
        about = call(f"{sandbox.url}/sandbox").json()
        mint = Pubkey.from_string(about["mints"]["USDC"])
        merchant, sponsor = (Pubkey.from_string(about[name]) for name in ("merchant", "sponsor"))
        earned, fees = sandbox.tokens(merchant, mint), sandbox.lamports(sponsor)
        done = tillway(
            "pay",
            f"{sandbox.url}/paywall/demo-article",
            "--keypair",
            wallet_file,
            "--rpc-url",
            sandbox.rpc_url,
            folder=tmp_path,
        )
        assert done.code == 0, done
        grant = json.loads(done.out.splitlines()[-1])
        assert (grant["granted"], grant["wallet"]) == (True, str(wallet.pubkey()))
        assert grant["signature"] in done.out.splitlines()[-3]
        assert sandbox.has_confirmed(grant["signature"])
        assert sandbox.tokens(wallet.pubkey(), mint) == 1_000_000 - ARTICLE
        assert sandbox.tokens(merchant, mint) == earned + ARTICLE
        assert sandbox.lamports(wallet.pubkey()) == 0
        assert sandbox.lamports(sponsor) < fees

    def test_without_a_wallet_one_is_made(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """The sandbox funds it: the line that is printed needs nothing else."""
        (line, *_) = call(f"{sandbox.url}/sandbox").json()["try"]
        command, *arguments = line.split()
        assert command == "tillway"
        done = tillway(*arguments, folder=tmp_path)
        assert done.code == 0, done
        steps = [line.partition(" ")[2] for line in done.out.splitlines()]
        assert [step.split(" ")[0] for step in steps[:6]] == [
            "GET",
            "the",
            "the",
            "paying",
            "signed",
            "settled",
        ]
