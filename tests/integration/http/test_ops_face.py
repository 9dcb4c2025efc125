"""Health, readiness and metrics over loopback."""

import asyncio
import logging
from pathlib import Path

import pytest

from support.faces import FACTS, LeavingStore, SayingRail, faces
from support.shell import ask
from tillway.core.errors import Unavailable
from tillway.core.observations import PaymentStarted
from tillway.core.ports.rails import RailHealth, WalletHealth
from tillway.entrypoints.http.config import DRAIN

AWAY = RailHealth(reachable=False, facts=FACTS)
KEY = "a-long-metrics-key-0123456789"
WALLET = WalletHealth(
    address="So1anaKe...",
    balance="0.000001",
    status="critical",
    checked_at="2026-03-01T12:00:00Z",
)


def kept(folder: Path) -> dict[str, str]:
    """Name a store that production accepts."""
    return {"backend": "file", "file_path": str(folder / "tillway.db")}


class TestCedrosHealth:
    async def test_it_tells_the_prefix_and_never_stands_under_it(self) -> None:
        """Clients ask here to learn it."""
        async with faces(server={"route_prefix": "api"}) as place:
            found = await ask(place.client, "/cedros-health")
            under = await ask(place.client, "/api/cedros-health")
        assert (found.status, found.body["status"]) == (200, "ok")
        assert (found.body["routePrefix"], found.body["network"]) == ("/api", "devnet")
        assert found.headers["Cache-Control"] == "no-store"
        assert under.status == 404

    @pytest.mark.parametrize(
        "said",
        [
            AWAY,
            RailHealth(reachable=True, wallets=(WALLET,), features=("gasless",)),
            RuntimeError("https://rpc.example/?api-key=hunter2"),
        ],
    )
    async def test_it_is_200_and_degraded_when_something_is_wrong(
        self, said: RailHealth | Exception
    ) -> None:
        """The official client takes any other status for no answer; no secret is told."""
        async with faces(SayingRail(said)) as place:
            found = await ask(place.client, "/cedros-health")
        assert (found.status, found.body["status"]) == (200, "degraded")
        assert b"hunter2" not in found.raw

    async def test_many_who_ask_cost_one_look(self) -> None:
        """It is public: nobody can make it call the nodes at will."""
        rail = SayingRail()
        async with faces(rail) as place:
            await asyncio.gather(*(ask(place.client, "/cedros-health") for _ in range(30)))
            await ask(place.client, "/healthz/ready")
        assert rail.asked <= 2


class TestProbes:
    async def test_a_process_that_answers_is_alive(self) -> None:
        """Whatever else is away."""
        async with faces(SayingRail(AWAY)) as place:
            found = await ask(place.client, "/healthz/live")
        assert (found.status, found.body) == (200, {"status": "ok"})

    async def test_it_is_ready_when_store_and_rails_are(self) -> None:
        """And names them."""
        async with faces() as place:
            found = await ask(place.client, "/healthz/ready")
        assert (found.status, found.body) == (
            200,
            {"status": "ready", "store": True, "rails": {"x402": True}},
        )

    async def test_it_is_not_ready_when_a_rail_is_away(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """503 in the envelope, with what is away, and no noise in the log."""
        caplog.set_level(logging.WARNING)
        async with faces(SayingRail(AWAY)) as place:
            found = await ask(place.client, "/healthz/ready")
        assert (found.status, found.code) == (503, "service_unavailable")
        assert found.body["error"]["details"] == {
            "status": "away",
            "store": True,
            "rails": {"x402": False},
        }
        assert found.headers["Retry-After"] == "1"
        assert not caplog.records

    async def test_it_is_not_ready_when_the_store_is_away(self) -> None:
        """It is asked, not remembered."""
        store = LeavingStore()
        async with faces(store=store) as place:
            store.away = True
            found = await ask(place.client, "/healthz/ready")
        assert (found.status, found.body["error"]["details"]["store"]) == (503, False)

    async def test_it_is_not_ready_on_the_way_out(self) -> None:
        """So that a balancer sends no more, while what is running ends."""
        async with faces() as place:
            place.gateway.web[DRAIN].begin()
            found = await ask(place.client, "/healthz/ready")
            alive = await ask(place.client, "/healthz/live")
        assert (found.status, found.body["error"]["details"]) == (503, {"status": "draining"})
        assert alive.status == 200


class TestMetrics:
    async def test_they_are_open_outside_production(self) -> None:
        """With and without the prefix, and count what is observed."""
        async with faces(server={"route_prefix": "/api"}) as place:
            place.gateway.services.observe(PaymentStarted(method="quote", resource="a-book"))
            bare = await ask(place.client, "/metrics")
            prefixed = await ask(place.client, "/api/metrics")
        assert (bare.status, prefixed.status) == (200, 200)
        assert bare.headers["Content-Type"].startswith("text/plain")
        assert b'cedros_payments_total{method="quote",resource="a-book"} 1.0' in bare.raw

    @pytest.mark.parametrize("environment", ["production", "staging", "development"])
    async def test_a_key_opens_them(self, environment: str, tmp_path: Path) -> None:
        """And nothing else does, once there is one."""
        async with faces(
            logging={"environment": environment},
            server={"admin_metrics_api_key": KEY},
            storage=kept(tmp_path),
        ) as place:
            opened = await ask(place.client, "/metrics", headers={"Authorization": f"Bearer {KEY}"})
            shut = [
                await ask(place.client, "/metrics", headers={"Authorization": each})
                for each in ("", KEY, f"Basic {KEY}", f"Bearer {KEY}x", "Bearer", "Bearer \xff")
            ]
        assert opened.status == 200
        assert {(each.status, each.code) for each in shut} == {(401, "invalid_field")}
        assert {each.body["error"]["message"] for each in shut} == {
            "Invalid or missing admin API key"
        }

    async def test_they_are_shut_in_production_without_a_key(self, tmp_path: Path) -> None:
        """Strangers do not learn what sells."""
        production = {"environment": "production"}
        async with faces(logging=production, storage=kept(tmp_path)) as place:
            for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}):
                assert (await ask(place.client, "/metrics", headers=headers)).status == 401

    async def test_collecting_does_not_wait_for_a_store_that_is_away(self) -> None:
        """Metrics tell of trouble, so they must not need its end."""
        store = LeavingStore()
        async with faces(SayingRail(Unavailable()), store=store) as place:
            store.away = True
            assert (await ask(place.client, "/metrics")).status == 200
