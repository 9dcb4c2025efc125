import subprocess
import sys
from pathlib import Path

import pytest

from support.settings_files import SHOP, file_of
from tillway.entrypoints.settings.checking import check
from tillway.entrypoints.settings.loading import read_source
from tillway.entrypoints.settings.reference import render_reference

HIDDEN = "hunter2"
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"
HEAVY = ("aiohttp", "cattrs", "cryptography", "pluggy", "solana", "solders", "stripe")

CARDS = {"stripe.secret_key": HIDDEN, "stripe.webhook_secret": HIDDEN}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tillway.yaml"
    path.write_text(file_of(SHOP | CARDS | {"rate_limit.global_limit": "5"}))
    return path


class TestReport:
    def test_it_shows_every_value_and_its_origin(self, file: Path) -> None:
        """Defaults, lines and variables are told apart, and secrets hidden."""
        report = check(file, environ={"POSTGRES_URL": HIDDEN, "LOG_LEVEL": "debug"})
        shown = {value.key: (value.value, value.origin) for value in report.values}

        assert report.ok
        assert shown["server.address"] == (":8080", "default")
        assert shown["paywall.quote_ttl"] == ("5m", "default")
        assert shown["x402.network"] == ("mainnet-beta", "default")
        assert shown["rate_limit.global_limit"] == ("5", "yaml line 13")
        assert shown["stripe.secret_key"] == ("***", "yaml line 10")
        assert shown["storage.postgres_url"] == ("***", "POSTGRES_URL")
        assert shown["logging.level"] == ("debug", "LOG_LEVEL")
        assert shown["coupons.postgres_url"] == ("***", "storage.postgres_url")
        assert HIDDEN not in repr(report)

    def test_it_lists_what_is_not_in_force(self, file: Path) -> None:
        """Keys of what does not exist yet are named, and only if they were set."""
        report = check(file, environ={"MONITORING_TIMEOUT": "1s"})

        assert report.not_in_force == (
            "monitoring.timeout",
            "rate_limit.global_limit",
        )
        marked = {value.key for value in report.values if not value.in_force}
        assert {"api_key.enabled", "callbacks.retry.enabled"} <= marked
        assert "server.address" not in marked

    def test_it_tells_faults_and_still_shows_the_rest(self, file: Path) -> None:
        """A faulty configuration is looked at as a whole."""
        file.write_text(file.read_text() + "server: {address: nowhere}\nfoo: 1\n")
        report = check(file, environ={})

        assert not report.ok
        assert [fault.key for fault in report.faults] == ["foo", "server.address"]
        assert any(value.key == "x402.payment_address" for value in report.values)

    def test_a_missing_file_is_a_fault(self, tmp_path: Path) -> None:
        """A file that cannot be read is told like any other fault."""
        report = check(tmp_path / "none.yaml", environ={})

        assert not report.ok
        assert "none.yaml cannot be read: No such file or directory" in str(report.faults[0])

    @pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: " + b"x" * 2_000_000, b"a: ["])
    def test_a_broken_file_is_a_fault(self, tmp_path: Path, content: bytes) -> None:
        """Binary, huge and broken files are refused."""
        (tmp_path / "broken.yaml").write_bytes(content)
        report = check(tmp_path / "broken.yaml", environ={})

        assert len(report.faults) == 1
        assert not report.values

    def test_a_file_may_start_with_a_byte_order_mark(self, file: Path) -> None:
        """Editors that write one do no harm."""
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())

        assert check(file, environ={}).ok

    def test_tables_and_lists_are_shown_entry_by_entry(self, tmp_path: Path) -> None:
        """Products, coupons and mints have a path each."""
        file = tmp_path / "tillway.yaml"
        mint = "{symbol: TOY, mint: 7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU, decimals: 6}"
        file.write_text(file_of(SHOP | {"x402.extra_mints": f"[{mint}]"}))
        shown = {value.key: value.value for value in check(file, environ={}).values}

        assert shown["paywall.resources.item.stripe_price_id"] == "price_1"
        assert shown["x402.extra_mints[0].symbol"] == "TOY"


class TestLoading:
    def test_without_a_file_the_environment_is_enough(self, tmp_path: Path) -> None:
        """An empty path skips the file, as in Cedros."""
        assert read_source("", {}, tmp_path).yaml == ""
        assert read_source(None, {}, tmp_path).yaml == ""

    def test_nothing_heavy_is_imported(self) -> None:
        """Reading settings costs no rail, no web server and no plugin system."""
        program = (
            "import sys, tillway.entrypoints.settings.checking\n"
            f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )

        assert done.stdout.strip() == ""


class TestReference:
    def test_the_page_is_current(self) -> None:
        """`python -m tillway.entrypoints.settings.reference` has written what the classes say."""
        assert PAGE.read_text(encoding="utf-8") == render_reference()

    def test_every_row_says_something(self) -> None:
        """No key is without a meaning."""
        rows = [line for line in render_reference().splitlines() if line.startswith("| `")]

        assert len(rows) > 150
        assert all(not row.endswith("|  |") for row in rows)
