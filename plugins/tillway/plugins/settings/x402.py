"""The section `x402`: stablecoins on Solana."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final, Literal

from attrs import frozen

from tillway.core.assets import Assets, Network
from tillway.core.secrets import Secret
from tillway.plugins.rules import (
    at_least,
    base58_key,
    between,
    distinct,
    each,
    hide_url,
    hide_urls,
    is_blank,
    not_blank,
    not_negative,
    positive,
    url,
)
from tillway.plugins.setting import Alias, Numbered, Rule, setting
from tillway.plugins.settings.clusters import NAMES, PUBLIC_RPC, known_network
from tillway.plugins.settings.mints import (
    USUAL_DECIMALS,
    ExtraMint,
    asset_of,
    consistent,
    known_assets,
    payable_mint,
    right_decimals,
)
from tillway.plugins.settings.sponsor import MOST_UNITS, Sponsor

WALLET: Final = "X402_SERVER_WALLET_"
MOST_WALLETS: Final = 100
_LARGEST_U64: Final = 2**64 - 1


def _bare(name: str, *more: str) -> tuple[Alias, ...]:
    return tuple(Alias(name=older) for older in (f"X402_{name}", *more))


def _first_node(x402: Any) -> str:
    """Never leave a gateway on mainnet because only its network or list of nodes was set."""
    first: str = next(iter(x402.rpc_urls), "")
    return first or PUBLIC_RPC[NAMES.get(x402.network, Network.MAINNET)]


def _websocket(x402: Any) -> str:
    scheme, _, rest = str(x402.rpc_url).partition("://")
    return f"{'ws' if scheme == 'http' else 'wss'}://{rest}"


def _decimals(x402: Any) -> int:
    asset = asset_of(x402.token_mint, x402.network, x402.extra_mints)
    return USUAL_DECIMALS if asset is None else asset.decimals


def _has_wallet(wallets: tuple[Secret, ...], gasless: bool, creates: bool) -> str | None:
    if wallets or not (gasless or creates):
        return None
    return (
        f"x402.server_wallet_keys ({WALLET}1 to {WALLET}{MOST_WALLETS}) must hold at least one "
        "wallet when gasless_enabled or auto_create_token_account is set"
    )


def _units_within(units: int, sponsor: Sponsor) -> str | None:
    fits = units <= sponsor.max_compute_units
    return None if fits else "must not exceed x402.sponsor.max_compute_units"


def _price_within(price: int, sponsor: Sponsor) -> str | None:
    fits = price <= sponsor.max_microlamports_per_unit
    return None if fits else "must not exceed x402.sponsor.max_microlamports_per_unit"


@frozen(kw_only=True)
class X402Settings:
    """Stablecoins on Solana, by x402 v0, v1 and v2. Loads when anything in it is set."""

    WHEN_SET: ClassVar[bool] = True
    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(fields=("extra_mints", "network"), check=consistent),
        Rule(fields=("token_mint", "network", "extra_mints"), check=payable_mint),
        Rule(
            fields=("token_decimals", "token_mint", "network", "extra_mints"),
            check=right_decimals,
        ),
        Rule(
            fields=("server_wallet_keys", "gasless_enabled", "auto_create_token_account"),
            check=_has_wallet,
        ),
        Rule(fields=("compute_unit_limit", "sponsor"), check=_units_within),
        Rule(fields=("compute_unit_price_micro_lamports", "sponsor"), check=_price_within),
    )

    payment_address: str = setting(
        env="CEDROS_X402_PAYMENT_ADDRESS",
        aliases=_bare("PAYMENT_ADDRESS"),
        rules=(base58_key,),
        doc="The wallet that is paid.",
    )
    token_mint: str = setting(
        env="CEDROS_X402_TOKEN_MINT",
        aliases=_bare("TOKEN_MINT"),
        rules=(base58_key,),
        doc="The stablecoin that is taken: a built-in mint on the network, or one of "
        "`extra_mints`.",
    )
    network: str = setting(
        default="mainnet-beta",
        env="CEDROS_X402_NETWORK",
        aliases=_bare("NETWORK"),
        rules=(known_network,),
        unset_when=is_blank,
        doc="The cluster. A v0 proof must name it byte for byte.",
    )
    rpc_urls: tuple[str, ...] = setting(
        default=(),
        rules=(each(not_blank), each(url("http", "https")), distinct),
        shown=hide_urls,
        doc="Further Solana nodes, asked when the first fails.",
    )
    rpc_url: str = setting(
        derive=_first_node,
        default_is="the first of `rpc_urls`, else the network's public node",
        env="CEDROS_X402_RPC_URL",
        aliases=_bare("RPC_URL", "SOLANA_RPC_URL", "CEDROS_SOLANA_RPC_URL"),
        rules=(not_blank, url("http", "https")),
        shown=hide_url,
        doc="The Solana node that is asked first.",
    )
    ws_url: str = setting(
        derive=_websocket,
        default_is="`rpc_url` with wss for https, ws for http",
        env="CEDROS_X402_WS_URL",
        aliases=_bare("WS_URL", "SOLANA_WS_URL", "CEDROS_SOLANA_WS_URL"),
        rules=(url("ws", "wss"),),
        unset_when=is_blank,
        shown=hide_url,
        doc="The node's PubSub endpoint.",
    )
    extra_mints: tuple[ExtraMint, ...] = setting(
        default=(), doc="Tokens to know beside the built-in ones."
    )
    token_decimals: int = setting(
        derive=_decimals,
        default_is="the mint's",
        env=None,
        rules=(between(0, 18),),
        doc="The decimals of `token_mint`.",
    )
    memo_prefix: str = setting(
        default="cedros",
        env="CEDROS_X402_MEMO_PREFIX",
        aliases=_bare("MEMO_PREFIX"),
        doc="Stands before the memos of carts and refunds.",
    )
    allowed_tokens: tuple[str, ...] = setting(
        default=("USDC",), env=None, doc="Token symbols, copied into the payment requirements."
    )
    skip_preflight: bool = setting(
        default=False,
        env="CEDROS_X402_SKIP_PREFLIGHT",
        aliases=_bare("SKIP_PREFLIGHT"),
        doc="Sends without the node's own check.",
    )
    commitment: Literal["processed", "confirmed", "finalized"] = setting(
        default="confirmed",
        env="CEDROS_X402_COMMITMENT",
        aliases=_bare("COMMITMENT"),
        synonyms={"finalised": "finalized"},
        doc="How sure the chain must be before we grant. `processed` only in development.",
    )
    gasless_enabled: bool = setting(
        default=False,
        env="CEDROS_X402_GASLESS_ENABLED",
        aliases=_bare("GASLESS_ENABLED"),
        doc="Pays the buyers' network fees.",
    )
    auto_create_token_account: bool = setting(
        default=False,
        env="CEDROS_X402_AUTO_CREATE_TOKEN_ACCOUNT",
        aliases=_bare("AUTO_CREATE_TOKEN_ACCOUNT"),
        doc="Creates our own receiving token account at start if it is missing.",
    )
    server_wallet_keys: tuple[Secret, ...] = setting(
        default=(),
        env=None,
        family=Numbered(prefix=WALLET, most=MOST_WALLETS),
        yaml=False,
        rules=(distinct,),
        doc="Sponsor wallets: base58 of 64 bytes, or a JSON array of 64 numbers.",
    )
    tx_queue_min_time_between: timedelta = setting(
        default=timedelta(),
        env="CEDROS_X402_TX_QUEUE_MIN_TIME_BETWEEN",
        aliases=_bare("TX_QUEUE_MIN_TIME_BETWEEN"),
        rules=(not_negative,),
        doc="The least time between two sends.",
    )
    tx_queue_max_in_flight: int = setting(
        default=0,
        env="CEDROS_X402_TX_QUEUE_MAX_IN_FLIGHT",
        aliases=_bare("TX_QUEUE_MAX_IN_FLIGHT"),
        rules=(not_negative,),
        doc="The most transactions that await confirmation at once; 0 means no limit.",
    )
    compute_unit_limit: int = setting(
        default=200_000,
        env=None,
        rules=(between(1, MOST_UNITS),),
        doc="Compute units of the transactions that we build.",
    )
    compute_unit_price_micro_lamports: int = setting(
        default=1,
        env=None,
        rules=(between(0, _LARGEST_U64),),
        doc="What such a transaction pays for a unit.",
    )
    rounding_mode: Literal["standard", "ceiling"] = setting(
        default="standard", env=None, doc="Percentages: half up, or always up."
    )
    claim_lease: timedelta = setting(
        default=timedelta(seconds=5),
        rules=(at_least(timedelta(seconds=1), "1s"),),
        doc="How long a running payment is left alone before another process takes it over.",
    )
    confirm_wait: timedelta = setting(
        default=timedelta(seconds=30),
        rules=(positive,),
        doc="How long a request waits for the chain before it answers `settlement_pending`.",
    )
    confirm_poll: timedelta = setting(
        default=timedelta(milliseconds=400),
        rules=(at_least(timedelta(milliseconds=10), "10ms"),),
        doc="How often the states of all open transactions are asked for.",
    )
    sponsor: Sponsor = setting(factory=Sponsor, doc="The budget for sponsored transactions.")
    refund_wallet: Secret | None = setting(
        default=None,
        env="X402_REFUND_WALLET",
        yaml=False,
        doc="Pays approved refunds by itself: base58 of 64 bytes, or a JSON array of 64 numbers. "
        "Without it, as usual, nothing is paid out by itself: `payment_address` signs each.",
    )
    refund_most: Decimal = setting(
        default=Decimal(100),
        rules=(not_negative,),
        doc="The most that `refund_wallet` pays for one refund, in major units.",
    )
    refund_most_a_day: Decimal = setting(
        default=Decimal(1000),
        rules=(not_negative,),
        doc="The most that it pays in a day (UTC) altogether, of each token.",
    )

    @property
    def cluster(self) -> Network:
        """Give the cluster that `network` names."""
        return NAMES[self.network]

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Give the nodes in the order in which they are asked, each once."""
        return tuple(dict.fromkeys((self.rpc_url, *self.rpc_urls)))

    @property
    def assets(self) -> Assets:
        """Give the built-in assets and those of `extra_mints`."""
        return known_assets(self.network, self.extra_mints)

    @property
    def token(self) -> str:
        """Give the symbol of `token_mint`."""
        asset = asset_of(self.token_mint, self.network, self.extra_mints)
        if asset is None:
            raise LookupError("x402.token_mint is no mint that we know")
        return asset.code
