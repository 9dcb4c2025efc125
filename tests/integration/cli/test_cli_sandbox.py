"""`tillway sandbox`: its words, its data folder and its end."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from solders.keypair import Keypair

from e2e.http_call import call
from support.children import AVAILABLE, eventually, kill, lives
from support.command import SANDBOX, TILLWAY, Running, environment, running, tillway

FORM = "application/x-www-form-urlencoded"
ANY_PORTS = ("sandbox", "--port", 0, "--rpc-port", 0, "--stripe-port", 0)


@pytest.fixture(scope="class")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run one for a class of tests."""
    folder = tmp_path_factory.mktemp("sandbox")
    with running(*ANY_PORTS, folder=folder, until=SANDBOX) as started:
        yield started


def url_of(started: Running, path: str = "") -> str:
    """Give the address of something in a sandbox."""
    return f"http://127.0.0.1:{started.port}{path}"


def balance_of(started: Running, wallet: str) -> int:
    """Ask the chain for a wallet's lamports."""
    request = {"jsonrpc": "2.0", "id": 1, "method": "getBalance", "params": [wallet]}
    return int(call(started.match["rpc"], request).json()["result"]["value"])


def tries(started: Running) -> list[str]:
    """Give the lines to try that were printed."""
    return [line.strip() for line in started.said().splitlines() if line.startswith("  ")]


class TestGreeting:
    def test_lines_to_try_have_the_real_port(self, sandbox: Running) -> None:
        """They are those that the sandbox itself names."""
        assert tries(sandbox)[1:] == call(url_of(sandbox, "/sandbox")).json()["try"][1:]

    def test_the_first_line_pays(self, sandbox: Running, tmp_path: Path) -> None:
        """It names this very program, wherever that is installed."""
        line = tries(sandbox)[0]
        program, _, rest = line.partition(" ")
        assert shutil.which(program) == str(TILLWAY)
        assert rest == f"pay {url_of(sandbox)}/paywall/demo-article"
        done = subprocess.run(
            line, shell=True, cwd=tmp_path, env=environment(), capture_output=True, check=False
        )
        assert done.returncode == 0, done

    def test_every_address_in_them_answers(self, sandbox: Running) -> None:
        """None of them is a dead end."""
        lines = [line for line in tries(sandbox) if "-d" not in line.split()]
        addresses = [word.strip("'") for line in lines for word in line.split()]
        for address in (word for word in addresses if word.startswith("http")):
            assert call(address).status in (200, 402)


class TestFunding:
    def test_more_than_the_chain_can_count_is_refused(self, sandbox: Running) -> None:
        """A mistake of the asker's, and nothing is given."""
        wallet = str(Keypair().pubkey())
        given = {"wallet": wallet, "sol": "1000000000"}
        answers = [call(url_of(sandbox, "/sandbox/fund"), given) for _ in range(19)]
        assert [answer.status for answer in answers] == [200] * 18 + [400]
        assert balance_of(sandbox, wallet) == 18 * 10**18

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"wallet": "nobody"},
            {"wallet": "1" * 32, "amount": "-1"},
            {"wallet": "1" * 32, "amount": "NaN"},
            {"wallet": "1" * 32, "asset": "EUR"},
            {"wallet": "1" * 32, "colour": "red"},
        ],
    )
    def test_what_makes_no_sense_is_refused(self, sandbox: Running, given: dict[str, str]) -> None:
        """With the field that is at fault."""
        answer = call(url_of(sandbox, "/sandbox/fund"), given)
        assert answer.status == 400
        assert answer.json()["error"]["details"]["fields"]


class TestClock:
    def test_time_does_not_go_back(self, sandbox: Running) -> None:
        """Nor further than a year at once."""
        for seconds in (-1, 10**9):
            answer = call(url_of(sandbox, "/sandbox/clock"), {"forwardSeconds": seconds})
            assert answer.status == 400

    def test_what_was_offered_expires(self, sandbox: Running, tmp_path: Path) -> None:
        """The gateway and the chain go by the same clock, and buyers still can buy."""
        before = call(url_of(sandbox, "/sandbox")).json()["time"]
        moved = call(url_of(sandbox, "/sandbox/clock"), {"forwardSeconds": 3600}).json()["time"]
        assert moved > before
        done = tillway("pay", url_of(sandbox, "/paywall/demo-article"), folder=tmp_path)
        assert done.code == 0, done


class TestPaying:
    def test_each_step_is_shown(self, sandbox: Running, tmp_path: Path) -> None:
        """From the price to what was bought."""
        done = tillway("pay", url_of(sandbox, "/paywall/demo-article"), folder=tmp_path)
        assert done.code == 0, done
        assert "the price is 0.05 USDC" in done.out
        assert "settled on chain as" in done.out
        assert json.loads(done.out.splitlines()[-1])["granted"] is True

    def test_a_wallet_of_ones_own(self, sandbox: Running, tmp_path: Path) -> None:
        """Kept in the form of the Solana tools."""
        wallet = Keypair()
        (tmp_path / "wallet.json").write_text(wallet.to_json())
        given = {"wallet": str(wallet.pubkey()), "amount": "0.05"}
        assert call(url_of(sandbox, "/sandbox/fund"), given).status == 200
        arguments = ("pay", url_of(sandbox, "/paywall/demo-article"), "--keypair", "wallet.json")
        first, second = (tillway(*arguments, folder=tmp_path) for _ in range(2))
        assert first.code == 0
        assert json.loads(first.out.splitlines()[-1])["wallet"] == str(wallet.pubkey())
        assert second.code == 1  # the money is spent

    def test_a_price_above_the_limit_is_refused(self, sandbox: Running, tmp_path: Path) -> None:
        """Before a wallet is made or anything is signed."""
        done = tillway("pay", url_of(sandbox, "/paywall/demo-course"), folder=tmp_path)
        assert done.code == 1
        assert "49 is more than --max-amount 1.00" in done.out
        assert "signed" not in done.out

    def test_a_higher_limit_lets_it_pass(self, sandbox: Running, tmp_path: Path) -> None:
        """The limit is the buyer's."""
        url = url_of(sandbox, "/paywall/demo-course")
        assert tillway("pay", url, "--max-amount", "49", folder=tmp_path).code == 0

    @pytest.mark.parametrize(
        ("path", "code", "words"),
        [
            ("/paywall/demo-article?couponCode=ONTHEHOUSE", 0, "free"),
            ("/paywall/demo-mug", 1, "invalid_resource"),
            ("/paywall/nothing", 1, "resource_not_found"),
        ],
    )
    def test_what_is_not_paid(
        self, sandbox: Running, tmp_path: Path, path: str, code: int, words: str
    ) -> None:
        """The seller's answer is shown as it is."""
        done = tillway("pay", url_of(sandbox, path), folder=tmp_path)
        assert (done.code, words in done.out) == (code, True)

    def test_a_seller_who_is_away(self, tmp_path: Path) -> None:
        """It could not be tried."""
        done = tillway("pay", "http://127.0.0.1:9/x", folder=tmp_path)
        assert done.code == 2
        assert "127.0.0.1:9 cannot be reached" in done.out

    @pytest.mark.parametrize("url", ["paywall/demo-article", "ftp://127.0.0.1/x", "http://[x/"])
    def test_what_is_no_url(self, tmp_path: Path, url: str) -> None:
        """An example of one is shown."""
        done = tillway("pay", url, folder=tmp_path)
        assert done.code == 2
        assert "is no URL such as" in done.out

    def test_a_wallet_that_is_none(self, tmp_path: Path) -> None:
        """Nothing of it is shown."""
        (tmp_path / "wallet.json").write_text("[1, 2, 256, 77777]")
        arguments = ("pay", "http://127.0.0.1:9/x", "--keypair", "wallet.json")
        done = tillway(*arguments, folder=tmp_path)
        assert done.code == 2
        assert "wallet.json is no wallet" in done.out
        assert "77777" not in done.out


def bought(started: Running, resource: str) -> str:
    """Buy something by card, and give the session's id."""
    opened = call(url_of(started, "/paywall/v1/stripe-session"), {"resource": resource}).json()
    call(f"{opened['url']}/pay", method="POST", headers={"Content-Type": FORM}, body={})
    return str(opened["sessionId"])


def is_paid(started: Running, session: str) -> bool:
    """Ask the gateway whether a session was paid."""
    path = f"/paywall/v1/stripe-session/verify?session_id={session}"
    return call(url_of(started, path)).status == 200


class TestCards:
    def test_a_mug_is_bought_by_card(self, sandbox: Running) -> None:
        """On the sandbox's own page; the gateway hears of it by a signed webhook."""
        session = bought(sandbox, "demo-mug")
        assert eventually(lambda: is_paid(sandbox, session))

    def test_its_address_is_named(self, sandbox: Running) -> None:
        """By the sandbox and in its greeting."""
        url = call(url_of(sandbox, "/sandbox")).json()["stripe_url"]
        assert f"Stripe at {url}" in sandbox.said()
        assert call(f"{url}/_control").json()["endpoints"] == [url_of(sandbox, "/webhook/stripe")]

    def test_the_line_to_try_opens_a_session(self, sandbox: Running, tmp_path: Path) -> None:
        """As it is printed."""
        (line,) = [each for each in tries(sandbox) if "stripe-session" in each]
        done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, check=True)
        assert json.loads(done.stdout)["url"].startswith("http://127.0.0.1:")

    def test_sessions_end_by_the_sandboxs_clock(self, tmp_path: Path) -> None:
        """Moved forward, it moves Stripe's too."""
        with running(*ANY_PORTS, folder=tmp_path, until=SANDBOX) as started:
            opening = url_of(started, "/paywall/v1/stripe-session")
            opened = call(opening, {"resource": "demo-mug"}).json()
            assert call(opened["url"]).status == 200
            call(url_of(started, "/sandbox/clock"), {"forwardSeconds": 86_460})
            assert call(opened["url"]).status == 410

    def test_what_was_paid_is_kept(self, tmp_path: Path) -> None:
        """With a data folder, Stripe's side as well as ours."""
        arguments = (*ANY_PORTS, "--data-dir", "data")
        with running(*arguments, folder=tmp_path, until=SANDBOX) as started:
            session = bought(started, "demo-mug")
            assert eventually(lambda: is_paid(started, session))
            assert started.stop() == 0
        with running(*arguments, folder=tmp_path, until=SANDBOX) as started:
            assert is_paid(started, session)
            url = call(url_of(started, "/sandbox")).json()["stripe_url"]
            assert b"Paid. Thank you." in call(f"{url}/c/pay/{session}").content


class TestSettings:
    def test_other_commands_find_the_sandbox_by_them(
        self, sandbox: Running, tmp_path: Path
    ) -> None:
        """They stand in a file that nobody else may read, and name no wallet's key."""
        settings = Path(call(url_of(sandbox, "/sandbox")).json()["settings"])
        assert settings.stat().st_mode & 0o077 == 0
        listed = tillway("products", "list", "--config", settings, folder=tmp_path)
        assert (listed.code, listed.err) == (0, "")
        assert "demo-mug" in listed.out
        wallets = yaml.safe_load((settings.parent / "wallets.yaml").read_text())
        assert not any(key in settings.read_text() for key in wallets.values())

    def test_refunds_in_tokens_are_paid_once_approved(
        self, sandbox: Running, tmp_path: Path
    ) -> None:
        """By the shop's own wallet, and `reconcile` sees it if it is told the sandbox's time."""
        done = tillway("pay", url_of(sandbox, "/paywall/demo-article"), folder=tmp_path)
        grant = json.loads(done.out.splitlines()[-1])
        call(url_of(sandbox, "/sandbox/clock"), {"forwardSeconds": 60})
        about = call(url_of(sandbox, "/sandbox")).json()
        operator = {"Authorization": f"Bearer {about['operator_key']}"}
        asked = {
            "originalPurchaseId": grant["signature"],
            "recipientWallet": grant["wallet"],
            "amount": 0.05,
            "token": "USDC",
        }
        refunds = url_of(sandbox, "/paywall/v1/refunds")

        assert eventually(lambda: call(f"{refunds}/request", asked, headers=operator).status == 200)
        listed = call(f"{refunds}/pending", headers=operator, method="POST").json()
        (refund,) = [each["id"] for each in listed["refunds"]]
        call(f"{refunds}/approve", {"refundId": refund}, headers=operator)
        call(url_of(sandbox, "/sandbox/clock"), {"forwardSeconds": 10})
        assert eventually(lambda: call(f"{refunds}/{refund}").json()["status"] == "processed")

        call(url_of(sandbox, "/sandbox/clock"), {"forwardSeconds": 3600})
        now = call(url_of(sandbox, "/sandbox")).json()["time"]
        words = ("reconcile", "--config", about["settings"], "--now", now)
        done = tillway(*words, folder=tmp_path)
        assert (done.code, done.err) == (0, "")
        assert " 0 payments" not in done.out
        assert " 1 refunds" in done.out


class TestKeeping:
    def buy(self, started: Running, folder: Path) -> dict[str, Any]:
        """Buy the article and give the grant."""
        done = tillway("pay", url_of(started, "/paywall/demo-article"), folder=folder)
        assert done.code == 0, done
        grant: dict[str, Any] = json.loads(done.out.splitlines()[-1])
        return grant

    def test_everything_is_there_again(self, tmp_path: Path) -> None:
        """The chain, the wallets, the clock and the payments."""
        arguments = (*ANY_PORTS, "--data-dir", "data")
        stranger = str(Keypair().pubkey())
        with running(*arguments, folder=tmp_path, until=SANDBOX) as started:
            grant = self.buy(started, tmp_path)
            call(url_of(started, "/sandbox/fund"), {"wallet": stranger, "sol": "2"})
            moved = call(url_of(started, "/sandbox/clock"), {"forwardSeconds": 864_000}).json()
            before = call(url_of(started, "/sandbox")).json()
            assert started.stop() == 0
        with running(*arguments, folder=tmp_path, until=SANDBOX) as started:
            after = call(url_of(started, "/sandbox")).json()
            assert {name: after[name] for name in ("merchant", "sponsor", "mints")} == {
                name: before[name] for name in ("merchant", "sponsor", "mints")
            }
            assert after["time"] > moved["time"]
            assert balance_of(started, stranger) == 2_000_000_000
            lookup = f"/paywall/v1/x402-transaction/verify?signature={grant['signature']}"
            assert call(url_of(started, lookup)).status == 200
            self.buy(started, tmp_path)

    def test_a_kill_costs_seconds_at_most(self, tmp_path: Path) -> None:
        """The chain is saved while it changes."""
        arguments = (*ANY_PORTS, "--data-dir", "data")
        with running(*arguments, folder=tmp_path, until=SANDBOX) as started:
            self.buy(started, tmp_path)
            assert eventually((tmp_path / "data" / "chain.bin").exists)
            kill(started.process.pid)
            started.process.wait(20)
        with running(*arguments, folder=tmp_path, until=SANDBOX) as started:
            self.buy(started, tmp_path)

    def test_two_do_not_share_a_folder(self, tmp_path: Path) -> None:
        """The second one leaves."""
        arguments = (*ANY_PORTS, "--data-dir", "data")
        with running(*arguments, folder=tmp_path, until=SANDBOX):
            done = tillway(*arguments, folder=tmp_path)
        assert done.code == 2
        assert "another sandbox uses data" in done.err

    def test_without_a_folder_nothing_is_left(self, tmp_path: Path) -> None:
        """What was temporary is gone."""
        (tmp_path / "temporary").mkdir()
        temporary = {"TMPDIR": str(tmp_path / "temporary")}
        with running(*ANY_PORTS, folder=tmp_path, until=SANDBOX, **temporary) as started:
            assert list((tmp_path / "temporary").iterdir())
            assert started.stop() == 0
        assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.skipif(not AVAILABLE, reason="processes are looked at in /proc")
class TestLeaving:
    def test_it_leaves_with_its_parent(self, tmp_path: Path) -> None:
        """Whoever started it need not stop it, even if he is killed."""
        script = (
            "import subprocess, sys; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); input()"
        )
        with (tmp_path / "output").open("wb") as output:
            parent = subprocess.Popen(
                [sys.executable, "-c", script, TILLWAY, *map(str, ANY_PORTS)],
                cwd=tmp_path,
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        said = (tmp_path / "output").read_text
        assert eventually(lambda: "Try:" in said()), said()
        sandbox = next(int(line) for line in said().splitlines() if line.isdecimal())
        assert lives(sandbox)
        parent.kill()
        parent.communicate()
        assert eventually(lambda: not lives(sandbox))
