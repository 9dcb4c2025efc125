"""``tillway stripe events`` and ``retry``: what Stripe has told, and nobody could apply."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from support.command import FIAT, LISTENS, Done, running, tillway, write_settings
from support.waiting import until
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.samples.payments import NOW
from tillway.core.contracts.samples.requests import inbound
from tillway.core.ports.store import Inbound, InboundState
from tillway.core.tenancy import DEFAULT

PERSONAL = b'{"email": "buyer@shop.example"}'
"""What is told of a buyer."""


async def kept(folder: Path) -> None:
    """Keep four events: one that was given up twice over, one that waits, one that is applied."""
    store = SqliteStore(folder / "tillway.db")
    await store.start()
    async with store.begin() as unit:
        for number, name in enumerate(("over", "waits", "done", "last")):
            told = inbound(name, received_at=NOW + timedelta(minutes=number))
            await unit.inbox.receive(evolve(told, body=PERSONAL))
        await unit.inbox.receive(evolve(inbound("theirs"), source="another"))
        for _ in range(2):
            await unit.inbox.put_off(DEFAULT, "stripe", "evt_over", "at data[0]: odd", None)
        for source, event in (("stripe", "evt_last"), ("another", "evt_theirs")):
            await unit.inbox.put_off(DEFAULT, source, event, "odd too", None)
        await unit.inbox.put_off(DEFAULT, "stripe", "evt_waits", "not yet", NOW)
        await unit.inbox.apply(DEFAULT, "stripe", "evt_done", NOW)
    await store.aclose()


async def standing(folder: Path) -> Mapping[str, Inbound]:
    """Give them as they stand."""
    store = SqliteStore(folder / "tillway.db")
    await store.start()
    async with store.view() as view:
        names = ("over", "waits", "done", "last")
        found = [await view.inbox.get(DEFAULT, "stripe", f"evt_{name}") for name in names]
    await store.aclose()
    return {name: each for name, each in zip(names, found, strict=True) if each is not None}


async def due(folder: Path, now: datetime) -> Sequence[str]:
    """Give the events that a gateway would try at a time."""
    store = SqliteStore(folder / "tillway.db")
    await store.start()
    async with store.begin(once=True) as unit:
        taken = await unit.inbox.take("somebody", now, now, 10)
    await store.aclose()
    return sorted(each.id for each in taken)


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Give a folder with settings and a store that has events in it."""
    place = {"backend": "file", "file_path": str(tmp_path / "tillway.db")}
    write_settings(tmp_path, FIAT, {"storage": place})
    await kept(tmp_path)
    return tmp_path


def stripe(folder: Path, *words: object) -> Done:
    """Run the command."""
    return tillway("stripe", *words, "-c", folder / "tillway.yaml", folder=folder)


def listed(folder: Path, *words: object) -> list[dict[str, Any]]:
    """List events as scripts do."""
    done = stripe(folder, "events", "--json", *words)
    assert (done.code, done.err) == (0, "")
    return [json.loads(line) for line in done.out.splitlines()]


class TestEvents:
    async def test_what_is_not_applied_is_listed(self, folder: Path) -> None:
        """The newest first, with its state, its tries and what was wrong, and nothing of a body."""
        done = stripe(folder, "events")
        assert (done.code, done.err) == (0, "")
        heading, last, waits, over = [line for line in done.out.splitlines() if "e" in line]
        assert heading.split() == ["received", "state", "type", "tries", "id", "last", "error"]
        what = "checkout.session.completed"
        assert last.split()[2:] == ["given", "up", what, "1", "evt_last", "odd", "too"]
        assert waits.split()[2:] == ["waiting", what, "1", "evt_waits", "not", "yet"]
        assert over.split()[2:] == ["given", "up", what, "2", "evt_over", "at", "data[0]:", "odd"]
        assert "buyer@" not in done.out

    async def test_scripts_get_json(self, folder: Path) -> None:
        """One object an event; the body only where it is asked for."""
        found = listed(folder)
        assert [each["id"] for each in found] == ["evt_last", "evt_waits", "evt_over"]
        assert found[2] == {
            "id": "evt_over",
            "type": "checkout.session.completed",
            "state": "given_up",
            "received_at": NOW.isoformat(),
            "attempts": 2,
            "last_error": "at data[0]: odd",
        }
        (over,) = listed(folder, "--limit", 1, "--body")
        assert over["body"] == PERSONAL.decode()
        assert [each["id"] for each in listed(folder, "--given-up")] == ["evt_last", "evt_over"]

    async def test_a_body_is_for_scripts(self, folder: Path) -> None:
        """So that nobody has buyers' data on his screen unawares."""
        done = stripe(folder, "events", "--body")
        assert (done.code, done.out) == (2, "")
        assert "--body goes with --json" in done.err


class TestRetry:
    async def test_named_events_are_tried_again_at_once(self, folder: Path) -> None:
        """As if for the first time; a repeat does the same."""
        for _ in range(2):
            done = stripe(folder, "retry", "evt_over", "evt_waits", "evt_over")
            assert (done.code, done.err) == (0, "")
            assert done.out.splitlines() == ["evt_over", "evt_waits", "2 to be tried again"]
        found = await standing(folder)
        assert (found["over"].given_up, found["over"].attempts) == (False, 0)
        assert found["over"].last_error == "at data[0]: odd"
        assert found["last"].given_up
        now = datetime.now(NOW.tzinfo) - timedelta(seconds=5)  # what a sweep leaves alone
        assert await due(folder, now) == ["evt_over", "evt_waits"]

    async def test_all_that_were_given_up_are(self, folder: Path) -> None:
        """The newest first, and no more than is said; another provider's are left alone."""
        assert stripe(folder, "retry", "--all", "--limit", 1).out.splitlines()[0] == "evt_last"
        done = stripe(folder, "retry", "--all")
        assert done.out.splitlines() == ["evt_over", "1 to be tried again"]
        again = stripe(folder, "retry", "--all")
        assert (again.code, again.out.splitlines()) == (0, ["0 to be tried again"])

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("evt_theirs", "Stripe has told no event 'evt_theirs'"),
            ("evt_\u00e9", "Stripe has told no event 'evt_\\xe9'"),
            ("evt_done", "event evt_done is applied"),
        ],
    )
    async def test_what_cannot_be_tried_is_refused(self, folder: Path, name: str, why: str) -> None:
        """And then nothing is set, whatever else was named."""
        done = stripe(folder, "retry", "evt_over", name)
        assert (done.code, done.out, done.said) == (2, "", [why])
        assert (await standing(folder))["over"].given_up

    @pytest.mark.parametrize("words", [(), ("--all", "evt_over")])
    async def test_it_is_said_which(self, folder: Path, words: Sequence[str]) -> None:
        """By ids, or all of them; never by saying nothing."""
        done = stripe(folder, "retry", *words)
        assert (done.code, done.out) == (2, "")
        assert "name events, or say --all" in done.err
        assert (await standing(folder))["over"].given_up


class TestBesideAGateway:
    async def test_what_is_tried_again_is_applied(self, tmp_path: Path) -> None:
        """By a gateway that runs on the same store, within seconds."""
        place = {"backend": "file", "file_path": str(tmp_path / "tillway.db")}
        stripe_section = {"secret_key": "sk_test_1", "webhook_secret": "whsec_0123456789abcdef"}
        file = write_settings(tmp_path, FIAT, {"storage": place, "stripe": stripe_section})
        store = SqliteStore(tmp_path / "tillway.db")
        await store.start()
        body = json.dumps({"id": "evt_a", "type": "charge.captured", "created": 1}).encode()
        async with store.begin() as unit:
            await unit.inbox.receive(evolve(inbound("a"), body=body))
            await unit.inbox.put_off(DEFAULT, "stripe", "evt_a", "odd", None)
        with running("serve", "-c", file, folder=tmp_path, until=LISTENS):
            assert stripe(tmp_path, "retry", "evt_a").code == 0

            async def applied() -> bool:
                async with store.view() as view:
                    found = await view.inbox.get(DEFAULT, "stripe", "evt_a")
                return found is not None and found.state is InboundState.APPLIED

            await until(applied)
        await store.aclose()
        assert listed(tmp_path) == []


class TestDoctor:
    async def test_events_that_were_given_up_are_a_warning(self, folder: Path) -> None:
        """With what to do about it; without any nothing is said."""
        done = tillway("doctor", "-c", folder / "tillway.yaml", folder=folder)
        assert done.code == 1
        assert "3 that could not be applied, the last one evt_last: odd too" in done.out
        assert "tillway stripe retry" in done.out
        assert "buyer@" not in done.out
        stripe(folder, "retry", "--all")
        done = tillway("doctor", "-c", folder / "tillway.yaml", folder=folder)
        assert "1 that could not be applied, the last one evt_theirs" in done.out
