"""The registry of assets."""

from __future__ import annotations

import pickle

import pytest

from tillway.core.assets import (
    BUILT_IN,
    EUR,
    PYUSD,
    SOL,
    USD,
    USDC,
    Asset,
    AssetKind,
    Assets,
    Mint,
    Network,
    TokenProgram,
)
from tillway.core.errors import Code, Declined


def token(code: str, *, decimals: int = 6, **mints: str) -> Asset:
    return Asset(
        code=code,
        decimals=decimals,
        kind=AssetKind.SPL,
        mints={Network[name]: Mint(mint) for name, mint in mints.items()},
        token_program=TokenProgram.TOKEN,
    )


class TestBuiltIn:
    @pytest.mark.parametrize(
        ("code", "decimals", "kind", "pegged"),
        [
            ("USD", 2, AssetKind.FIAT, True),
            ("EUR", 2, AssetKind.FIAT, False),
            ("USDC", 6, AssetKind.SPL, True),
            ("SOL", 9, AssetKind.SPL, False),
            ("USDT", 6, AssetKind.SPL, True),
            ("PYUSD", 6, AssetKind.SPL, True),
            ("USDG", 6, AssetKind.SPL, True),
            ("CASH", 6, AssetKind.SPL, True),
        ],
    )
    def test_assets_are_the_contracts(
        self, code: str, decimals: int, kind: AssetKind, pegged: bool
    ) -> None:
        """Decimals, kind and dollar peg are what the contract lists."""
        asset = BUILT_IN.by_code(code)
        assert (asset.decimals, asset.kind, asset.usd_pegged) == (decimals, kind, pegged)

    @pytest.mark.parametrize(
        ("network", "mint", "code", "program"),
        [
            (Network.MAINNET, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", "USDC", "spl-token"),
            (Network.DEVNET, "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU", "USDC", "spl-token"),
            (Network.MAINNET, "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB", "USDT", "spl-token"),
            (
                Network.MAINNET,
                "2b1kV6DkPAnxd5ixfnxCpjxmKwqjjaYmCZfHsFu24GXo",
                "PYUSD",
                "token-2022",
            ),
            (Network.DEVNET, "CXk2AMBfi3TwaEL2468s6zP8xq9NxTXjp9gjMgzeUynM", "PYUSD", "token-2022"),
            (Network.MAINNET, "2u1tszSeqZ3qBWF3uNGPFc8TzMk2tdiwknnRMWGWjGWH", "USDG", "token-2022"),
            (Network.DEVNET, "4F6PM96JJxngmHnZLBh9n58RH4aTVNWvDs2nuwrT5BP7", "USDG", "token-2022"),
            (Network.MAINNET, "CASHx9KJUStyftLFWGvEVf59SGeG9sh5FfcnZMVPCASH", "CASH", "token-2022"),
            (Network.DEVNET, "So11111111111111111111111111111111111111112", "SOL", "spl-token"),
        ],
    )
    def test_a_mint_leads_to_its_token(
        self, network: Network, mint: str, code: str, program: str
    ) -> None:
        """A mint on a network names one asset and the program that moves it."""
        asset = BUILT_IN.by_mint(network, mint)
        assert (asset.code, asset.token_program) == (code, program)
        assert asset.mint_on(network) == mint

    def test_a_mainnet_mint_is_unknown_on_devnet(self) -> None:
        """The network is part of where a token lives."""
        with pytest.raises(Declined) as caught:
            BUILT_IN.by_mint(Network.DEVNET, USDC.mints[Network.MAINNET])
        assert caught.value.code is Code.INVALID_TOKEN_MINT

    def test_codes_are_compared_exactly(self) -> None:
        """`usdc` is no asset."""
        assert "USDC" in BUILT_IN
        with pytest.raises(Declined) as caught:
            BUILT_IN.by_code("usdc")
        assert (caught.value.code, caught.value.field) == (Code.INVALID_FIELD, "asset")

    def test_a_currency_has_no_mint(self) -> None:
        """Dollars live on no chain; PYUSD does not live on testnet."""
        for asset in (USD, PYUSD):
            with pytest.raises(Declined, match="no mint"):
                asset.mint_on(Network.TESTNET)

    def test_only_pegged_tokens_are_stablecoins(self) -> None:
        """SOL floats, and a currency is not a token."""
        assert [one.code for one in BUILT_IN if one.stablecoin] == [
            "USDC",
            "USDT",
            "PYUSD",
            "USDG",
            "CASH",
        ]


class TestExtraAssets:
    def test_a_new_token_is_found_by_code_and_mint(self) -> None:
        """Settings can add what the contract does not know, and the old registry stays."""
        grown = BUILT_IN.with_asset(token("BONK", decimals=5, DEVNET="Bonk1"))
        assert grown.by_code("BONK") is grown.by_mint(Network.DEVNET, "Bonk1")
        assert "BONK" not in BUILT_IN

    def test_a_known_token_gains_a_mint(self) -> None:
        """A test mint of ours joins USDC, whose amounts stay the same asset."""
        grown = BUILT_IN.with_asset(token("USDC", TESTNET="OurTestMint"))
        assert grown.by_mint(Network.TESTNET, "OurTestMint") == USDC
        assert grown.by_code("USDC").mint_on(Network.MAINNET) == USDC.mint_on(Network.MAINNET)

    def test_a_known_mint_is_replaced(self) -> None:
        """One token has one mint on a network: the later one."""
        grown = BUILT_IN.with_asset(token("USDC", DEVNET="OurTestMint"))
        with pytest.raises(Declined):
            grown.by_mint(Network.DEVNET, USDC.mints[Network.DEVNET])

    def test_decimals_never_change(self) -> None:
        """Amounts that are stored already would change their worth."""
        with pytest.raises(ValueError, match="other decimals"):
            BUILT_IN.with_asset(token("USDC", decimals=9))

    def test_a_mint_belongs_to_one_token(self) -> None:
        """Two names for one mint would make payments ambiguous."""
        with pytest.raises(ValueError, match="share mint"):
            BUILT_IN.with_asset(token("FAKE", MAINNET=USDC.mints[Network.MAINNET]))

    def test_a_code_is_given_once(self) -> None:
        """A registry built by hand refuses a second asset of a name."""
        with pytest.raises(ValueError, match="two assets"):
            Assets((USD, USD))


class TestAsset:
    @pytest.mark.parametrize("code", ["", "usd", "U$D", "TOO-LONG", "X" * 17, "Ü"])
    def test_a_code_is_short_and_upper_case(self, code: str) -> None:
        """Codes stand in headers, memos and metrics."""
        with pytest.raises(ValueError, match="upper-case"):
            Asset(code=code, decimals=2, kind=AssetKind.FIAT)

    @pytest.mark.parametrize("decimals", [-1, 19, True])
    def test_decimals_fit_64_bits(self, decimals: int) -> None:
        """More than 18 decimals leave no room for a whole unit."""
        with pytest.raises(ValueError, match="decimals"):
            Asset(code="X", decimals=decimals, kind=AssetKind.FIAT)

    def test_a_token_needs_its_program(self) -> None:
        """Without its program an account of it cannot even be derived."""
        with pytest.raises(ValueError, match="token program"):
            Asset(code="X", decimals=2, kind=AssetKind.SPL)

    def test_a_currency_has_nothing_on_chain(self) -> None:
        """A mint of dollars is a misconfiguration."""
        with pytest.raises(ValueError, match="only a token"):
            Asset(code="X", decimals=2, kind=AssetKind.FIAT, mints={Network.DEVNET: Mint("M")})

    def test_assets_are_keys_and_travel(self) -> None:
        """Assets hash, and survive pickling as equals."""
        assert {USD: 1, EUR: 2, SOL: 3}[EUR] == 2
        assert pickle.loads(pickle.dumps(BUILT_IN)) == BUILT_IN
