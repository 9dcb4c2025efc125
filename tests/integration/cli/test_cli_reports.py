"""What the command line tells of a gateway: plugins, settings, surroundings, payments."""

import json
from pathlib import Path

import pytest
from solders.keypair import Keypair

from support.command import tillway, write_settings
from support.place import Place
from tillway.entrypoints.version import version


class TestVersion:
    def test_version_commit_and_time_are_named(self, tmp_path: Path) -> None:
        """For people and for machines."""
        assert f"tillway {version()}" in tillway("version", folder=tmp_path).out
        facts = json.loads(tillway("version", "--json", folder=tmp_path).out)
        assert list(facts) == ["version", "commit", "built_at"]


class TestPlugins:
    def test_all_that_are_installed_are_listed(self, tmp_path: Path) -> None:
        """Each with what it brings."""
        rows = {
            row["name"]: row
            for row in json.loads(tillway("plugins", "--json", folder=tmp_path).out)
        }
        rail = rows["x402"]
        assert (rail["kind"], rail["distribution"], rail["version"]) == (
            "rail",
            "tillway",
            version(),
        )
        assert (rail["hooks"], rail["settings"], rail["extra"]) == (
            ["tillway_rails"],
            "x402",
            "solana",
        )
        assert rows["file"]["hooks"] == ["tillway_stores"]

    def test_the_table_has_a_row_for_each(self, tmp_path: Path) -> None:
        """With the hooks by their names."""
        table = tillway("plugins", folder=tmp_path).out
        assert all(word in table for word in ("x402", "rail", "tillway_rails", "tillway_stores"))


class TestConfig:
    def test_settings_that_can_be_used(self, tmp_path: Path) -> None:
        """Exit code 0, and what has no effect is named."""
        file = write_settings(tmp_path, {"callbacks": {"payment_success_url": "https://a.example"}})
        done = tillway("config", "check", "-c", file, folder=tmp_path)
        assert done.code == 0
        assert done.out.splitlines()[-1] == "settings: ok"
        assert "not in force yet: callbacks.payment_success_url" in done.out

    def test_every_fault_is_named(self, tmp_path: Path) -> None:
        """By its key, with exit code 2."""
        file = write_settings(tmp_path, {"server": {"address": "x"}, "logging": {"level": "loud"}})
        done = tillway("config", "check", "-c", file, folder=tmp_path)
        assert done.code == 2
        assert "fault: server.address" in done.out
        assert "fault: logging.level" in done.out
        assert done.out.splitlines()[-1] == "settings: 2 faults"

    def test_what_only_joining_shows_is_found(self, tmp_path: Path, place: Place) -> None:
        """A key that is none, though it is there."""
        file = place.settings(tmp_path)
        arguments = ("config", "check", "-c", file)
        done = tillway(*arguments, folder=tmp_path, X402_SERVER_WALLET_1="nonsense-key-77")
        assert done.code == 2
        assert "X402_SERVER_WALLET_1" in done.out
        assert "nonsense" not in done.out + done.err

    def test_a_plugin_that_is_not_there(self, tmp_path: Path) -> None:
        """It is one fault among the others."""
        file = write_settings(tmp_path, {"server": {"address": "x"}})
        file.write_text(file.read_text() + "plugins: [barter]\n")
        done = tillway("config", "check", "-c", file, folder=tmp_path)
        assert done.code == 2
        assert "barter" in done.out
        assert "server.address" in done.out

    def test_values_in_effect_are_shown_without_secrets(self, tmp_path: Path, place: Place) -> None:
        """With where each came from."""
        file = place.settings(tmp_path, rpc_url="https://node.example/api-key-77")
        done = place.run("config", "check", "-c", file, "--show", folder=tmp_path)
        assert done.code == 0, done
        line = next(line for line in done.out.splitlines() if "x402.rpc_url " in line)
        assert "https://node.example/***" in line
        assert "yaml line" in line
        assert "key-77" not in done.out
        assert place.wallet not in done.out


class TestDoctor:
    def test_all_is_well(self, tmp_path: Path, place: Place) -> None:
        """Exit code 0, with what was looked at."""
        done = place.run("doctor", "-c", place.settings(tmp_path), folder=tmp_path)
        assert done.code == 0, done
        for subject in (
            "settings",
            "store file",
            "catalogue",
            "RPC node 1",
            "token account",
            "wallet",
        ):
            assert subject in done.out

    def test_what_needs_attention(self, tmp_path: Path, place: Place) -> None:
        """Exit code 1, and what to do: this merchant has no account yet."""
        file = place.settings(tmp_path, payment_address=str(Keypair().pubkey()))
        done = place.run("doctor", "-c", file, folder=tmp_path)
        assert done.code == 1, done
        assert "missing" in done.out
        assert "spl-token create-account" in done.out

    @pytest.mark.parametrize(
        ("x402", "words"),
        [
            ({"rpc_url": "http://127.0.0.1:9/key-77"}, "no answer"),
            (
                {
                    "network": "testnet",
                    "token_mint": "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU",
                },
                "testnet",
            ),
            ({"payment_address": "nobody"}, "x402.payment_address"),
        ],
    )
    def test_what_keeps_it_from_running(
        self, tmp_path: Path, place: Place, x402: dict[str, object], words: str
    ) -> None:
        """Exit code 2, and never the node's key."""
        done = place.run("doctor", "-c", place.settings(tmp_path, **x402), folder=tmp_path)
        assert done.code == 2, done
        assert words in done.out
        assert "key-77" not in done.out + done.err

    def test_a_node_of_another_network(self, tmp_path: Path, place: Place) -> None:
        """By its genesis hash, before any money goes the wrong way."""
        mainnet_usdc = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
        file = place.settings(tmp_path, network="mainnet-beta", token_mint=mainnet_usdc)
        done = place.run("doctor", "-c", file, folder=tmp_path)
        assert done.code == 2, done
        assert "another network than mainnet-beta" in done.out

    def test_a_store_that_cannot_be_opened(self, tmp_path: Path) -> None:
        """Exit code 2, with the section to look at."""
        (tmp_path / "tillway.db").write_text("no database " * 100)
        done = tillway("doctor", "-c", write_settings(tmp_path), folder=tmp_path)
        assert done.code == 2, done
        assert "storage" in done.out


class TestPayments:
    def test_a_list_while_the_gateway_runs(self, tmp_path: Path, place: Place) -> None:
        """The newest first, as a table or one JSON object a line."""
        file = place.settings(tmp_path)
        table = place.run("payments", "list", "-c", file, folder=tmp_path)
        assert table.code == 0, table
        assert place.signature in table.out
        lines = place.run("payments", "list", "-c", file, "--json", folder=tmp_path).out
        (payment,) = [json.loads(line) for line in lines.splitlines()]
        assert payment["signature"] == place.signature
        assert (payment["state"], payment["resource"]) == ("settled", "demo-article")
        assert (payment["amount"], payment["asset"]) == ("0.050000", "USDC")

    def test_one_payment(self, tmp_path: Path, place: Place) -> None:
        """By the signature that the chain knows."""
        file = place.settings(tmp_path)
        arguments = ("payments", "show", "-c", file, place.signature)
        assert "demo-article" in place.run(*arguments, folder=tmp_path).out
        shown = json.loads(place.run(*arguments, "--json", folder=tmp_path).out)
        assert shown["state"] == "settled"

    def test_one_that_is_not_there(self, tmp_path: Path, place: Place) -> None:
        """It is said so, with exit code 2."""
        file = place.settings(tmp_path)
        done = place.run("payments", "show", "-c", file, "1" * 88, folder=tmp_path)
        assert done.code == 2
        assert "no payment has the signature" in done.err
