"""What cannot be done is said in one line that helps, with exit code 2."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from solders.keypair import Keypair

from support.command import Done, tillway, write_settings
from tillway.entrypoints.cli import main

NOBODY = "http://127.0.0.1:9"
DEVNET_USDC = "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"


def x402(**more: object) -> Mapping[str, Mapping[str, Any]]:
    """Give a section that loads the rail."""
    address = str(Keypair().pubkey())
    return {
        "x402": {
            "payment_address": address,
            "token_mint": DEVNET_USDC,
            "network": "devnet",
            "rpc_url": NOBODY,
            **more,
        }
    }


@pytest.fixture
def taken() -> Iterator[int]:
    """Give a port that somebody listens on."""
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        yield int(other.getsockname()[1])


@pytest.fixture
def without_solders(tmp_path: Path) -> str:
    """Give a PYTHONPATH on which the extra solana looks as if it were not installed."""
    return without(tmp_path, "solders", "solana")


@pytest.fixture
def without_stripe(tmp_path: Path) -> str:
    """Give one on which the extra stripe does."""
    return without(tmp_path, "stripe")


def without(folder: Path, *names: str) -> str:
    """Give a PYTHONPATH on which these packages look as if they were not installed."""
    folder = folder / "without"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {names!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Without())\n"
    )
    return str(folder)


def assert_says(done: Done, *words: str) -> None:
    """Tell that it failed as it should, in one line with these words."""
    assert done.code == 2, done
    assert len(done.said) == 1, done.err
    assert "Traceback" not in done.err + done.out
    for word in words:
        assert word in done.err


class TestUse:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["serve", "--colour"], ["--colour", "tillway serve --help"]),
            (["sell"], ["sell", "tillway --help"]),
            (["serve", "--workers", "0"], ["--workers", "1"]),
            (["sandbox", "--port", "70000"], ["--port", "65535"]),
            (["pay"], ["URL"]),
            (["pay", "http://127.0.0.1:9", "--max-amount", "much"], ["--max-amount", "much"]),
            (["payments", "show"], ["SIGNATURE"]),
        ],
    )
    def test_wrong_arguments(
        self, capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
    ) -> None:
        """The option is named, and where to read more."""
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capsys.readouterr()
        assert isinstance(left.value.code, int)
        assert_says(Done(code=left.value.code, out=out, err=err), *words)

    def test_nothing_at_all(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Who names no command is shown them."""
        with pytest.raises(SystemExit, match="2"):
            main([])
        assert "sandbox" in capsys.readouterr().err


class TestSettings:
    def test_a_missing_file(self, tmp_path: Path) -> None:
        """Its name is said."""
        assert_says(tillway("serve", "-c", "nowhere.yaml", folder=tmp_path), "nowhere.yaml")

    def test_each_fault_has_a_line(self, tmp_path: Path) -> None:
        """All are named at once."""
        file = write_settings(tmp_path, {"server": {"address": "x"}, "shop": {"open": 1}})
        done = tillway("serve", "-c", file, folder=tmp_path)
        assert done.code == 2
        assert len(done.said) == 2
        assert "server.address" in done.err
        assert "shop" in done.err

    def test_a_bad_key(self, tmp_path: Path) -> None:
        """The variable is named, and nothing of the key is shown."""
        file = write_settings(tmp_path, x402(gasless_enabled=True))
        secret = "5J" * 30
        done = tillway("serve", "-c", file, folder=tmp_path, X402_SERVER_WALLET_1=secret)
        assert_says(done, "X402_SERVER_WALLET_1")
        assert secret[:8] not in done.err

    def test_cards_without_a_webhook_secret(self, tmp_path: Path) -> None:
        """Anybody could say that he has paid: the key that is missing is named."""
        file = write_settings(tmp_path, {"stripe": {"secret_key": "sk_test_hidden"}})
        for command in ("serve", "worker"):
            done = tillway(command, "-c", file, folder=tmp_path)
            assert_says(done, "stripe.webhook_secret is required when stripe.secret_key is set")
            assert "sk_test_hidden" not in done.err

    def test_a_missing_extra(self, tmp_path: Path, without_solders: str) -> None:
        """The command that installs it is given."""
        file = write_settings(tmp_path, x402())
        done = tillway("serve", "-c", file, folder=tmp_path, PYTHONPATH=without_solders)
        assert_says(done, "pip install 'tillway[solana]'")

    def test_a_missing_extra_for_cards(self, tmp_path: Path, without_stripe: str) -> None:
        """Likewise; a gateway without the section needs nothing of it."""
        cards = {"stripe": {"secret_key": "sk_test_1", "webhook_secret": "whsec_1"}}
        file = write_settings(tmp_path, cards)
        done = tillway("serve", "-c", file, folder=tmp_path, PYTHONPATH=without_stripe)
        assert_says(done, "pip install 'tillway[stripe]'")
        file = write_settings(tmp_path)
        done = tillway("doctor", "-c", file, folder=tmp_path, PYTHONPATH=without_stripe)
        assert done.code == 1

    @pytest.mark.parametrize("command", [["sandbox"], ["pay", "http://127.0.0.1:9"]])
    def test_a_command_without_its_extra(
        self, tmp_path: Path, without_solders: str, command: list[str]
    ) -> None:
        """Commands of their own say the same."""
        done = tillway(*command, folder=tmp_path, PYTHONPATH=without_solders)
        assert_says(done, "pip install 'tillway[solana]'")

    def test_nothing_of_solana_is_needed_without_its_section(
        self, tmp_path: Path, without_solders: str
    ) -> None:
        """A gateway without the rail starts without the extra."""
        file = write_settings(tmp_path)
        done = tillway("doctor", "-c", file, folder=tmp_path, PYTHONPATH=without_solders)
        assert done.code == 1
        assert "opens and can be written" in done.out


class TestSurroundings:
    def test_an_unreachable_node(self, tmp_path: Path) -> None:
        """Whoever starts a gateway learns at once that it could take no payment."""
        file = write_settings(tmp_path, x402())
        assert_says(tillway("serve", "-c", file, folder=tmp_path), "x402.rpc_url", "doctor")

    def test_an_unreachable_node_of_several_processes(self, tmp_path: Path) -> None:
        """The first process finds out, and the others are not even begun."""
        file = write_settings(tmp_path, x402())
        done = tillway("serve", "-c", file, "--workers", 3, folder=tmp_path)
        assert_says(done, "x402.rpc_url")

    def test_an_unreachable_node_of_a_worker(self, tmp_path: Path) -> None:
        """Without HTTP it is the same."""
        file = write_settings(tmp_path, x402())
        assert_says(tillway("worker", "-c", file, folder=tmp_path), "x402.rpc_url")

    @pytest.mark.parametrize("workers", [1, 2])
    def test_a_port_in_use(self, tmp_path: Path, taken: int, workers: int) -> None:
        """Several processes do not share a port with strangers either."""
        file = write_settings(tmp_path, {"server": {"address": f"127.0.0.1:{taken}"}})
        done = tillway("serve", "-c", file, "--workers", workers, folder=tmp_path)
        assert_says(done, str(taken), "in use")

    def test_an_address_of_another_machine(self, tmp_path: Path) -> None:
        """It is said that this machine does not have it."""
        file = write_settings(tmp_path, {"server": {"address": "192.0.2.1:0"}})
        assert_says(tillway("serve", "-c", file, folder=tmp_path), "192.0.2.1")

    def test_the_memory_store_in_several_processes(self, tmp_path: Path) -> None:
        """They would not see each other's payments."""
        file = write_settings(tmp_path, {"storage": {"backend": "memory"}})
        done = tillway("serve", "-c", file, "--workers", 2, folder=tmp_path)
        assert_says(done, "memory store", "storage.backend")

    def test_a_store_that_cannot_be_written(self, tmp_path: Path) -> None:
        """A file lies where the folder should be."""
        (tmp_path / "data").write_text("")
        file = write_settings(tmp_path, {"storage": {"file_path": "data/tillway.db"}})
        assert_says(tillway("serve", "-c", file, folder=tmp_path), "data/tillway.db")

    def test_a_store_that_is_something_else(self, tmp_path: Path) -> None:
        """What is no database is not written to."""
        (tmp_path / "tillway.db").write_text("a letter to the bank, of some length" * 100)
        file = write_settings(tmp_path)
        assert_says(tillway("serve", "-c", file, folder=tmp_path), "tillway.db", "database")

    def test_the_memory_store_shows_nothing(self, tmp_path: Path) -> None:
        """A list of no payments would be a lie."""
        file = write_settings(tmp_path, {"storage": {"backend": "memory"}})
        assert_says(tillway("payments", "list", "-c", file, folder=tmp_path), "memory")


class TestSandbox:
    def test_a_port_in_use(self, tmp_path: Path, taken: int) -> None:
        """The port is named."""
        done = tillway(
            "sandbox", "--port", taken, "--rpc-port", 0, "--stripe-port", 0, folder=tmp_path
        )
        assert_says(done, str(taken), "in use")

    def test_an_rpc_port_in_use(self, tmp_path: Path, taken: int) -> None:
        """So is the chain's, with the option that changes it."""
        done = tillway(
            "sandbox", "--port", 0, "--rpc-port", taken, "--stripe-port", 0, folder=tmp_path
        )
        assert_says(done, str(taken), "--rpc-port")

    def test_a_stripe_port_in_use(self, tmp_path: Path, taken: int) -> None:
        """And Stripe's."""
        ports = ("--port", 0, "--rpc-port", 0, "--stripe-port", taken)
        assert_says(tillway("sandbox", *ports, folder=tmp_path), str(taken), "--stripe-port")

    def test_a_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        """A file lies in the way."""
        (tmp_path / "file").write_text("")
        done = sandbox(tmp_path, "file/data")
        assert_says(done, "file/data", "cannot be written")

    @pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
    def test_a_folder_of_others(self, tmp_path: Path) -> None:
        """Permissions count."""
        (tmp_path / "data").mkdir(mode=0o500)
        assert_says(sandbox(tmp_path, "data"), "data", "Permission")

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("chain.bin", b"nothing that was ever a chain"),
            ("stripe.bin", b"nothing that was ever an account"),
            ("wallets.yaml", b"merchant: of Venice\n"),
            ("wallets.yaml", b"[]"),
            ("clock", b"noon"),
            ("clock", b"\xff\xfe"),
        ],
    )
    def test_a_damaged_folder(self, tmp_path: Path, name: str, content: bytes) -> None:
        """The file is named, and what can be done."""
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / name).write_bytes(content)
        assert_says(sandbox(tmp_path, "data"), name, "damaged", "begin anew")

    def test_a_damaged_database(self, tmp_path: Path) -> None:
        """The store's own words are kept."""
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "tillway.db").write_bytes(b"not SQLite at all " * 100)
        assert_says(sandbox(tmp_path, "data"), "tillway.db", "database")


def sandbox(folder: Path, data_dir: str) -> Done:
    """Start a sandbox that must fail."""
    ports = ["--port", 0, "--rpc-port", 0, "--stripe-port", 0]
    return tillway("sandbox", *ports, "--data-dir", data_dir, folder=folder)
