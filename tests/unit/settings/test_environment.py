import os
from pathlib import Path

import pytest

from support.settings_files import SHOP, WALLET, faults_of, file_of, loaded
from tillway.core.secrets import Secret
from tillway.entrypoints.settings.loading import load, read_source
from tillway.entrypoints.settings.sections import BUILT_IN, LoggingSettings, ServerSettings
from tillway.plugins.settings.callbacks import CallbackSettings
from tillway.plugins.settings.limits import ApiKey, ApiKeySettings
from tillway.plugins.settings.storage import StorageSettings
from tillway.plugins.settings.stripe import StripeSettings
from tillway.plugins.settings.subscriptions import SubscriptionSettings
from tillway.plugins.settings.x402 import X402Settings

CARDS = {"stripe.webhook_secret": "wh"}


def _server(variables: dict[str, str]) -> ServerSettings:
    return loaded(variables=variables).section(ServerSettings)


class TestAliases:
    def test_an_older_name_is_read_with_a_warning(self) -> None:
        """A bare name of the documents works, and says what to write instead."""
        settings = loaded(CARDS, {"STRIPE_SECRET_KEY": "sk"})

        assert settings.section(StripeSettings).secret_key == Secret("sk")
        assert settings.warnings == (
            "STRIPE_SECRET_KEY is an older name: use CEDROS_STRIPE_SECRET_KEY",
        )

    def test_the_canonical_name_wins_silently(self) -> None:
        """Where both are set, the older one does not count."""
        settings = loaded(
            variables={"CEDROS_X402_NETWORK": "mainnet", "X402_NETWORK": "mainnet-beta"}
        )

        assert settings.section(X402Settings).network == "mainnet"
        assert settings.warnings == ()

    @pytest.mark.parametrize("name", ["SOLANA_RPC_URL", "X402_RPC_URL", "CEDROS_SOLANA_RPC_URL"])
    def test_the_node_has_several_older_names(self, name: str) -> None:
        """Each name that the documents give the RPC node is read."""
        settings = loaded(variables={name: "https://rpc.example"})

        assert settings.section(X402Settings).rpc_url == "https://rpc.example"

    @pytest.mark.parametrize(
        ("name", "text"),
        [("PORT", "9000"), ("SERVER_ADDRESS", ":9000"), ("CEDROS_SERVER_ADDRESS", ":9000")],
    )
    def test_a_bare_port_is_an_address(self, name: str, text: str) -> None:
        """PORT holds a number, which becomes an address."""
        assert _server({name: text}).address == ":9000"

    def test_the_documents_other_names_are_read(self) -> None:
        """LOG_LEVEL, SERVER_PUBLIC_URL, SUBSCRIPTIONS_* and X402_TX_QUEUE_* are older names too."""
        settings = loaded(
            variables={
                "LOG_LEVEL": "warning",
                "SERVER_PUBLIC_URL": "https://shop.example",
                "SUBSCRIPTIONS_ENABLED": "true",
                "X402_TX_QUEUE_MAX_IN_FLIGHT": "4",
                "ADMIN_METRICS_API_KEY": "k",
            }
        )

        assert settings.section(LoggingSettings).level == "warn"
        assert settings.section(SubscriptionSettings).enabled
        assert settings.section(X402Settings).tx_queue_max_in_flight == 4
        assert settings.section(ServerSettings).admin_metrics_api_key == Secret("k")
        assert settings.section(ServerSettings).public_url == ("https://shop.example",)
        assert len(settings.warnings) == 5


class TestSecretFiles:
    def test_a_file_holds_a_secret(self, tmp_path: Path) -> None:
        """`_FILE` names a file, whose last line break does not count."""
        file = tmp_path / "key"
        file.write_text("sk_file\n")
        settings = loaded(CARDS, {"CEDROS_STRIPE_SECRET_KEY_FILE": str(file)})

        assert settings.section(StripeSettings).secret_key == Secret("sk_file")
        assert settings.origins["stripe.secret_key"] == "CEDROS_STRIPE_SECRET_KEY_FILE"

    def test_a_file_holds_a_list(self, tmp_path: Path) -> None:
        """Several quote keys stand on lines of their own."""
        file = tmp_path / "keys"
        file.write_text(f"{'a' * 32}\n{'b' * 32}\n")
        settings = loaded(variables={"TILLWAY_QUOTE_KEYS_FILE": str(file)})

        assert settings.sections["quotes"].keys == (Secret("a" * 32), Secret("b" * 32))  # type: ignore[attr-defined]  # an object by name

    def test_wallets_come_from_files_too(self, tmp_path: Path) -> None:
        """A wallet's variable may name a file, between others that do not."""
        file = tmp_path / "wallet"
        file.write_text("[1,2]")
        settings = loaded(
            variables={"X402_SERVER_WALLET_1": "w1", "X402_SERVER_WALLET_2_FILE": str(file)}
        )

        keys = settings.section(X402Settings).server_wallet_keys
        assert keys == (Secret("w1"), Secret("[1,2]"))

    def test_both_at_once_are_refused(self, tmp_path: Path) -> None:
        """Nobody guesses which of two secrets is meant."""
        faults = faults_of(
            variables={
                "CEDROS_STRIPE_SECRET_KEY": "sk_twice",
                "CEDROS_STRIPE_SECRET_KEY_FILE": str(tmp_path / "none"),
            }
        )

        assert faults == [
            "stripe.secret_key: is set by both CEDROS_STRIPE_SECRET_KEY and "
            "CEDROS_STRIPE_SECRET_KEY_FILE: use one [CEDROS_STRIPE_SECRET_KEY]"
        ]

    @pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe", b"x" * 70_000])
    def test_an_unreadable_file_is_a_fault(self, tmp_path: Path, content: bytes | None) -> None:
        """A file that is missing, empty, binary or huge is named, not its content."""
        file = tmp_path / "key"
        if content is not None:
            file.write_bytes(content)
        faults = faults_of(variables={"POSTGRES_URL_FILE": str(file)})

        assert faults[0].startswith(f"storage.postgres_url: cannot be read from {file}")
        assert faults[0].endswith("[POSTGRES_URL_FILE]")

    def test_only_secrets_come_from_files(self, tmp_path: Path) -> None:
        """A plain setting has no `_FILE` form."""
        file = tmp_path / "address"
        file.write_text(":1")

        assert _server({"CEDROS_SERVER_ADDRESS_FILE": str(file)}).address == ":8080"


class TestFamilies:
    def test_wallets_end_at_the_first_gap(self) -> None:
        """Numbering has no holes; one is told of what stands behind it."""
        settings = loaded(variables={f"X402_SERVER_WALLET_{n}": f"w{n}" for n in (1, 2, 4, 5)})

        assert len(settings.section(X402Settings).server_wallet_keys) == 2
        assert settings.warnings == (
            "X402_SERVER_WALLET_4 is ignored, because X402_SERVER_WALLET_3 is not set",
        )

    def test_a_hundred_wallets_are_the_most(self) -> None:
        """The hundred and first is not read."""
        settings = loaded(variables={f"X402_SERVER_WALLET_{n}": f"w{n}" for n in range(1, 103)})

        assert len(settings.section(X402Settings).server_wallet_keys) == 100

    def test_wallets_in_yaml_are_refused(self) -> None:
        """Private keys have no place in a file that people share."""
        (fault,) = faults_of({"x402.server_wallet_keys": "[hunter2]"})

        assert "is set by the environment only: X402_SERVER_WALLET_1" in fault
        assert "hunter2" not in fault

    def test_blanks_around_a_secret_do_not_count(self) -> None:
        """A line break at the end of a mounted secret is not part of it."""
        settings = loaded(
            CARDS, {"CEDROS_STRIPE_SECRET_KEY": " sk\n", "X402_SERVER_WALLET_1": "w\n"}
        )

        assert settings.section(StripeSettings).secret_key == Secret("sk")
        assert settings.section(X402Settings).server_wallet_keys == (Secret("w"),)

    def test_the_same_wallet_twice_is_refused(self) -> None:
        """A wallet counts once, so twice is a mistake."""
        (fault,) = faults_of(variables={f"X402_SERVER_WALLET_{n}": "hunter2" for n in (1, 2)})

        assert fault.startswith("x402.server_wallet_keys: must not hold the same value twice")
        assert "hunter2" not in fault

    def test_headers_merge_over_the_file(self) -> None:
        """A variable adds a header, or takes the place of one, whatever its case."""
        settings = loaded(
            {"callbacks.headers": "{authorization: a, X-Kept: b}"},
            {"CALLBACK_HEADER_AUTHORIZATION": "c", "CALLBACK_HEADER_X_API_KEY": "d"},
        )

        assert settings.section(CallbackSettings).headers == {
            "Authorization": Secret("c"),
            "X-Api-Key": Secret("d"),
            "X-Kept": Secret("b"),
        }

    @pytest.mark.parametrize("header", ["{a b: c}", '{A: "b\\r\\nC: d"}', "{A: b, a: c}"])
    def test_headers_that_http_cannot_carry_are_refused(self, header: str) -> None:
        """Bad names, line breaks and one name twice are faults."""
        (fault,) = faults_of({"callbacks.headers": header})

        assert fault.startswith("callbacks.headers: must")

    def test_api_keys_are_named_by_their_variables(self) -> None:
        """The lower-cased rest of the name is the key; ENABLED is none."""
        settings = loaded(
            {"api_key.keys": "{MixedCase: free}"},
            {"CEDROS_API_KEY_SHOP_1": "PRO", "CEDROS_API_KEY_ENABLED": "1"},
        )

        api_keys = settings.section(ApiKeySettings)
        assert api_keys.enabled
        assert api_keys.keys == (
            ApiKey(key=Secret("MixedCase"), tier="free"),
            ApiKey(key=Secret("shop_1"), tier="pro"),
        )


class TestPrecedence:
    def test_lists_replace(self) -> None:
        """A list in a variable takes the place of the file's."""
        settings = loaded(
            {"server.cors_allowed_origins": '["https://a.example"]'},
            {"CORS_ALLOWED_ORIGINS": "https://b.example"},
        )

        assert settings.section(ServerSettings).cors_allowed_origins == ("https://b.example",)

    def test_our_own_keys_have_variables_of_their_path(self) -> None:
        """Keys that Cedros lacks are set by TILLWAY_ and their path."""
        settings = loaded(
            variables={
                "TILLWAY_PLUGINS": "iban, chatty",
                "TILLWAY_COUPONS_STRICT": "true",
                "TILLWAY_SERVER_WORKERS": "3",
                "TILLWAY_SERVER_TRUSTED_PROXIES": "10.0.0.0/8,::1",
                "TILLWAY_X402_SPONSOR_LAMPORTS_PER_HOUR": "5",
                "TILLWAY_X402_SPONSOR_SOL_USD": "150.25",
                "TILLWAY_X402_RPC_URLS": "https://a.example,https://b.example",
                "TILLWAY_X402_CONFIRM_WAIT": "45s",
                "TILLWAY_QUOTE_KEYS": f"{'a' * 32},{'b' * 32}",
            }
        )

        x402 = settings.section(X402Settings)
        assert settings.plugins == ("iban", "chatty")
        assert settings.origins["plugins"] == "TILLWAY_PLUGINS"
        assert x402.sponsor.lamports_per_hour == 5
        assert str(x402.sponsor.sol_usd) == "150.25"
        assert x402.endpoints == ("https://a.example", "https://b.example")
        assert x402.confirm_wait.total_seconds() == 45
        assert [str(each) for each in settings.section(ServerSettings).trusted_proxies] == [
            "10.0.0.0/8",
            "::1/128",
        ]

    @pytest.mark.parametrize("text", ["1", "true", "TRUE"])
    def test_variables_that_mean_true(self, text: str) -> None:
        """The contract has two words for true."""
        settings = loaded(variables={"CEDROS_SUBSCRIPTIONS_ENABLED": text})

        assert settings.section(SubscriptionSettings).enabled

    @pytest.mark.parametrize("text", ["0", "false", "False", "no", "off"])
    def test_variables_that_mean_false(self, text: str) -> None:
        """What everybody reads as false is false."""
        settings = loaded(variables={"CEDROS_SUBSCRIPTIONS_ENABLED": text})

        assert not settings.section(SubscriptionSettings).enabled

    @pytest.mark.parametrize("text", ["yes", "on", "y", "2", "truee"])
    def test_variables_that_could_mean_either_are_refused(self, text: str) -> None:
        """Cedros takes these for false, people for true: nobody guesses."""
        (fault,) = faults_of(variables={"CEDROS_SUBSCRIPTIONS_ENABLED": text})

        assert "must be true or false" in fault


class TestDotenv:
    def test_it_fills_in_what_does_not_exist(self, tmp_path: Path) -> None:
        """`.env` lies beneath the environment; an empty variable still hides its line."""
        (tmp_path / ".env").write_text(
            "CEDROS_SERVER_ADDRESS=:1\nPOSTGRES_URL=pg://env\nexport MONGODB_DATABASE='x y'\n"
        )
        before = dict(os.environ)
        source = read_source(None, {"CEDROS_SERVER_ADDRESS": ":2", "POSTGRES_URL": ""}, tmp_path)

        assert source.environ["CEDROS_SERVER_ADDRESS"] == ":2"
        assert source.environ["POSTGRES_URL"] == ""
        assert source.environ["MONGODB_DATABASE"] == "x y"
        assert dict(os.environ) == before

    def test_settings_come_from_it(self, tmp_path: Path) -> None:
        """A file and a `.env` beside it make one configuration."""
        (tmp_path / "tillway.yaml").write_text(file_of(SHOP))
        (tmp_path / ".env").write_text(f"CEDROS_X402_PAYMENT_ADDRESS={WALLET[:-1]}\n")
        (tmp_path / ".env").write_text("CEDROS_X402_PAYMENT_ADDRESS=$OTHER\nCOUPON_SOURCE=disabled")
        source = read_source(tmp_path / "tillway.yaml", {"OTHER": "x"}, tmp_path)

        assert source.environ["CEDROS_X402_PAYMENT_ADDRESS"] == "$OTHER"
        settings = load(BUILT_IN, read_source(tmp_path / "tillway.yaml", {}, tmp_path / "none"))
        assert settings.section(StorageSettings).backend == "file"


class TestUnread:
    def test_a_mistyped_variable_is_told(self) -> None:
        """A variable that is almost one of ours warns instead of doing nothing."""
        settings = loaded(variables={"TILLWAY_SERVER_WORKER": "3", "CEDROS_X402_RPCURL": "x"})

        assert settings.warnings == (
            "CEDROS_X402_RPCURL is not read (did you mean CEDROS_X402_RPC_URL?)",
            "TILLWAY_SERVER_WORKER is not read (did you mean TILLWAY_SERVER_WORKERS?)",
        )

    def test_others_variables_are_none_of_our_business(self) -> None:
        """Variables of other programs, and of our tests, are passed over."""
        settings = loaded(
            variables={"CEDROS_LOGIN_BASE_URL": "x", "TILLWAY_TESTS": "full", "HOME": "/"}
        )

        assert settings.warnings == ()

    def test_the_reference_leaves_some_unread_too(self) -> None:
        """Documented variables that nothing reads are named."""
        settings = loaded(variables={"SCHEMA_MAPPING_FILE": "x.yaml"})

        assert settings.warnings == ("SCHEMA_MAPPING_FILE is not read: use storage.schema_mapping",)
