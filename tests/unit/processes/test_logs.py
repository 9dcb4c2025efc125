"""The log: one line a record, and no secret in it."""

import io
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from aiohttp.http_exceptions import BadStatusLine

from tillway.core.secrets import Secret
from tillway.entrypoints.configuration import configure
from tillway.entrypoints.http.log import FIELDS, LINE
from tillway.entrypoints.processes.logs import configure_logging, secrets_in
from tillway.entrypoints.settings.sections import LoggingSettings

Log = Callable[..., io.StringIO]
_log = logging.getLogger("tillway.test")


@pytest.fixture
def log() -> Iterator[Log]:
    """Configure the log for one test, and put everything back after it."""
    root, server = logging.getLogger(), logging.getLogger("aiohttp.server")
    before = (root.level, root.handlers[:], server.level, server.filters[:])

    def configured(style: str = "json", secrets: Sequence[str] = (), level: str = "info") -> Any:
        stream = io.StringIO()
        settings = LoggingSettings(format=style, level=level, environment="staging")  # type: ignore[arg-type]  # parametrised
        configure_logging(settings, secrets, stream)
        return stream

    yield configured
    root.level, root.handlers[:], server.level, server.filters[:] = before
    logging.captureWarnings(capture=False)


class TestJson:
    def test_a_record_is_an_object_on_one_line(self, log: Log) -> None:
        """Line breaks in it are escaped."""
        stream = log()
        _log.warning("two\nlines of %s", "text")
        (line,) = stream.getvalue().splitlines()
        entry = json.loads(line)
        assert entry["message"] == "two\nlines of text"
        assert (entry["level"], entry["logger"]) == ("warning", "tillway.test")
        assert entry["time"].endswith("Z")

    def test_an_error_has_its_stack(self, log: Log) -> None:
        """It stays on the line."""
        stream = log()
        try:
            raise ValueError("wrong")
        except ValueError:
            _log.exception("failed")
        (line,) = stream.getvalue().splitlines()
        assert "ValueError: wrong" in json.loads(line)["error"]

    def test_a_completed_request_has_fields(self, log: Log) -> None:
        """What a person reads as a sentence is told apart for machines."""
        stream = log()
        values = ("GET", "/paywall", 200, 1.5, 42, "req_1", "127.0.0.1")
        _log.info(LINE, *values)
        entry = json.loads(stream.getvalue())
        assert {name: entry[name] for name in FIELDS} == dict(zip(FIELDS, values, strict=True))

    def test_values_that_json_lacks_are_shown(self, log: Log) -> None:
        """A log line never fails for its content."""
        stream = log()
        _log.info(LINE, "GET", object(), 200, 1.5, 42, "req_1", None)
        assert "object" in json.loads(stream.getvalue())["route"]


class TestLevels:
    def test_less_grave_records_are_left_out(self, log: Log) -> None:
        """As the settings say."""
        stream = log("console", level="warn")
        _log.info("small")
        _log.warning("large")
        assert "small" not in stream.getvalue()
        assert "large" in stream.getvalue()

    def test_what_is_no_http_cannot_fill_the_log(self, log: Log) -> None:
        """Strangers' mistakes are not ours."""
        stream = log()
        server = logging.getLogger("aiohttp.server")
        server.error("a stranger's", exc_info=BadStatusLine("x"))
        server.error("ours", exc_info=RuntimeError("x"))
        assert "a stranger's" not in stream.getvalue()
        assert "ours" in stream.getvalue()

    @pytest.mark.parametrize("level", ["info", "debug"])
    def test_what_stripes_package_tells_stays_out(self, log: Log, level: str) -> None:
        """It writes down what was posted, buyers' addresses included."""
        stream = log(level=level)
        logging.getLogger("stripe").info("message=%s", "buyer@example.com")
        logging.getLogger("stripe").debug("post_data=%s", "buyer@example.com")
        assert stream.getvalue() == ""


class TestSecrets:
    @pytest.mark.parametrize("style", ["json", "console"])
    def test_a_secret_is_taken_out_wherever_it_stands(self, log: Log, style: str) -> None:
        """In messages, arguments and the texts of errors."""
        secret = 'sk_live_"quoted"_77'
        tailed = secret + "-tail"
        stream = log(style, [secret, "short", tailed])
        try:
            raise RuntimeError(f"could not reach https://{tailed}@host")
        except RuntimeError:
            _log.exception("with %s", secret)
        text = stream.getvalue()
        assert "sk_live" not in text
        assert "-tail" not in text
        assert text.count("***") == 2

    def test_short_ones_are_left(self, log: Log) -> None:
        """Or words of the log would vanish."""
        stream = log("console", ["for", ""])
        _log.warning("for all")
        assert "for all" in stream.getvalue()

    def test_all_secrets_of_settings_are_found(self) -> None:
        """Keys, passwords, and addresses of nodes that carry a key."""
        configured = configure(
            "server: {admin_metrics_api_key: metrics-key-1}\n"
            "x402:\n"
            "  payment_address: 4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU\n"
            "  token_mint: 4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU\n"
            "  network: devnet\n"
            "  rpc_url: https://node.example/key-77\n"
            "  rpc_urls: ['https://plain.example']\n"
            "paywall: {resources: {a: {description: A, fiat_amount_cents: 5}}}\n",
            {"TILLWAY_QUOTE_KEYS": "q" * 43, "X402_SERVER_WALLET_1": "wallet-secret"},
        )
        found = set(secrets_in(configured.settings.sections))
        assert {"metrics-key-1", "q" * 43, "wallet-secret"} <= found
        assert "https://node.example/key-77" in found
        assert "https://plain.example" not in found

    def test_what_is_no_secret_is_not_one(self) -> None:
        """Numbers and texts are left alone."""
        assert list(secrets_in([1, "text", None, {"a": Secret("hidden")}])) == ["hidden"]
