"""The health that clients of the Cedros API read."""

from datetime import UTC, datetime, timedelta

import pytest

from tillway.core.ports.rails import RailHealth, WalletHealth
from tillway.entrypoints.http.apis.ops.cedros_health import go_duration, report
from tillway.entrypoints.http.apis.ops.health import Vitals
from tillway.entrypoints.http.config import HttpConfig

NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
CONFIG = HttpConfig(version="1.2.3")


def wallet(status: str = "healthy", error: str | None = None) -> WalletHealth:
    return WalletHealth(
        address="So1anaKe...",
        balance="0.010000",
        status=status,
        checked_at="2026-03-01T12:00:00Z",
        error=error,
    )


def vitals(
    *wallets: WalletHealth,
    reachable: bool = True,
    store: bool = True,
    features: tuple[str, ...] = (),
) -> Vitals:
    rail = RailHealth(
        reachable=reachable, wallets=wallets, features=features, facts={"network": "devnet"}
    )
    return Vitals(at=NOW, store=store, rails={"x402": rail})


def body(found: Vitals, config: HttpConfig = CONFIG) -> dict[str, object]:
    return report(found, NOW - timedelta(seconds=61.5), config)


class TestReport:
    def test_a_sound_gateway_is_ok(self) -> None:
        """With the keys that are always there and no others."""
        assert body(vitals()) == {
            "status": "ok",
            "uptime": "1m1.5s",
            "timestamp": "2026-03-01T12:00:05Z",
            "rpcHealthy": True,
            "network": "devnet",
            "version": "1.2.3",
        }

    def test_the_prefix_and_the_features_are_there_when_not_empty(self) -> None:
        """The official client learns the prefix here."""
        found = body(vitals(features=("gasless", "gasless")), HttpConfig(route_prefix="/api"))
        assert (found["routePrefix"], found["features"]) == ("/api", ["gasless"])

    @pytest.mark.parametrize(
        "found",
        [
            vitals(reachable=False),
            vitals(store=False),
            vitals(wallet("critical"), features=("gasless",)),
        ],
    )
    def test_what_needs_an_operator_is_degraded(self, found: Vitals) -> None:
        """A node away, a store away, a wallet that is about to run dry."""
        assert body(found)["status"] == "degraded"

    def test_an_unhealthy_wallet_is_shown_and_degrades_nothing(self) -> None:
        """It can still pay."""
        shown = body(vitals(wallet("unhealthy"), features=("gasless",)))
        assert shown["status"] == "ok"

    def test_wallets_are_shown_when_they_pay_for_buyers(self) -> None:
        """With a summary; without gasless they are nobody's business."""
        found = vitals(wallet(), wallet("critical", "no answer"), features=("gasless",))
        assert body(found)["walletHealth"] == {
            "summary": {"healthy": 1, "unhealthy": 0, "critical": 1, "total": 2},
            "wallets": [
                {
                    "publicKey": "So1anaKe...",
                    "balance": "0.010000",
                    "status": "healthy",
                    "lastChecked": "2026-03-01T12:00:00Z",
                },
                {
                    "publicKey": "So1anaKe...",
                    "balance": "0.010000",
                    "status": "critical",
                    "lastChecked": "2026-03-01T12:00:00Z",
                    "error": "no answer",
                },
            ],
        }
        assert "walletHealth" not in body(vitals(wallet()))

    def test_a_gateway_without_rails_that_can_tell_is_ok(self) -> None:
        """Nothing is known to be away."""
        found = body(Vitals(at=NOW, store=True, rails={}))
        assert (found["status"], found["rpcHealthy"], found["network"]) == ("ok", True, "")


class TestGoDuration:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0, "0s"),
            (0.000_020, "20µs"),
            (0.0015, "1.5ms"),
            (0.25, "250ms"),
            (1, "1s"),
            (45.1, "45.1s"),
            (60, "1m0s"),
            (3600, "1h0m0s"),
            (45045.1, "12h30m45.1s"),
            (360_000.000_001, "100h0m0.000001s"),
            (-5, "0s"),
        ],
    )
    def test_it_reads_as_go_writes_it(self, seconds: float, text: str) -> None:
        """`time.Duration.String`, down to microseconds; a clock set back is no time."""
        assert go_duration(timedelta(seconds=seconds)) == text
