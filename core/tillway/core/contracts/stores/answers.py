"""The laws of kept answers: a request runs once, and is answered the same again."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import pytest
from attrs import evolve

from tillway.core.contracts.samples import AWKWARD, NOW, OTHER, OURS, TERM, THEIRS, answer
from tillway.core.contracts.stores.steps import count, write
from tillway.core.ports.store import Answer, Mismatch, Replay, Running, Started, Store
from tillway.core.tenancy import DEFAULT, Tenant

_MOMENT: Final = timedelta(microseconds=1)
_END: Final = NOW + TERM

Met = Started | Running | Mismatch | Replay


async def _start(
    store: Store,
    key: str = "key",
    request: str = "request",
    owner: str = OURS,
    now: datetime = NOW,
    until: datetime = _END,
    tenant: Tenant = DEFAULT,
) -> Met:
    return await write(
        store, lambda unit: unit.answers.start(tenant, key, request, owner, now, until)
    )


async def _complete(
    store: Store, given: Answer, owner: str = OURS, key: str = "key", until: datetime = _END
) -> bool:
    return await write(store, lambda unit: unit.answers.complete(DEFAULT, key, owner, given, until))


async def _abandon(store: Store, owner: str = OURS, key: str = "key") -> bool:
    return await write(store, lambda unit: unit.answers.abandon(DEFAULT, key, owner))


async def _purge(store: Store, before: datetime, limit: int = 10) -> int:
    return await write(store, lambda unit: unit.answers.purge(before, limit))


@pytest.mark.asyncio
class AnswerLaws:
    """``Answers``."""

    async def test_a_request_runs_once(self, store: Store) -> None:
        """Whoever asks meanwhile, its owner too, is told that it runs."""
        assert await _start(store) == Started()
        assert await _start(store) == Running()
        assert await _start(store, owner=THEIRS) == Running()

    async def test_an_answer_is_given_again(self, store: Store) -> None:
        """Every field of it comes back equal, as often as it is asked for."""
        given = evolve(answer(402, AWKWARD.encode() + b"\xff"), headers={"X": AWKWARD, "Y": ""})
        await _start(store)
        assert await _complete(store, given)
        for owner in (OURS, THEIRS):
            assert await _start(store, owner=owner) == Replay(answer=given)

    async def test_a_key_is_one_requests(self, store: Store) -> None:
        """For another one it is a mismatch, running or answered, and nothing changes."""
        await _start(store)
        assert await _start(store, request="another") == Mismatch()
        await _complete(store, answer())
        assert await _start(store, request="another") == Mismatch()
        assert await _start(store) == Replay(answer=answer())

    async def test_keys_are_apart(self, store: Store) -> None:
        """By their text, whatever it is, and by their tenant."""
        for key in ("key", "KEY", "", AWKWARD):
            assert await _start(store, key) == Started()
        assert await _start(store, tenant=OTHER) == Started()
        assert await _complete(store, answer(), key=AWKWARD)
        assert await _start(store, AWKWARD) == Replay(answer=answer())

    async def test_only_its_owner_answers(self, store: Store) -> None:
        """Once: a repeat, another's word, or one for a key nobody has is False."""
        await _start(store)
        assert not await _complete(store, answer(), THEIRS)
        assert await _complete(store, answer())
        assert not await _complete(store, answer(500))
        assert not await _complete(store, answer(), key="unknown")
        assert await _start(store) == Replay(answer=answer())
        assert await _start(store, "unknown") == Started()

    async def test_only_its_owner_gives_up(self, store: Store) -> None:
        """Then the key is free for any request; what was answered is not given up."""
        await _start(store)
        assert not await _abandon(store, THEIRS)
        assert await _abandon(store)
        assert not await _abandon(store)
        assert not await _complete(store, answer())
        assert await _start(store, request="another", owner=THEIRS) == Started()
        assert not await _abandon(store)
        await _complete(store, answer(), THEIRS)
        assert not await _abandon(store, THEIRS)

    async def test_a_reservation_ends(self, store: Store) -> None:
        """From its time on it counts for nothing, whatever the next request is."""
        await _start(store)
        assert await _start(store, owner=THEIRS, now=_END - _MOMENT) == Running()
        later = _END + TERM
        started = await _start(store, request="another", owner=THEIRS, now=_END, until=later)
        assert started == Started()
        assert await _start(store, now=_END) == Mismatch()
        assert await _start(store, request="another", now=later - _MOMENT) == Running()

    async def test_who_was_overtaken_answers_nothing(self, store: Store) -> None:
        """Nor gives up what another has reserved since; who was not may be late."""
        await _start(store)
        await _start(store, "late")
        await _start(store, owner=THEIRS, now=_END, until=_END + TERM)
        assert not await _complete(store, answer())
        assert not await _abandon(store)
        assert await _complete(store, answer(), key="late", until=_END + TERM)
        assert await _start(store, "late", now=_END) == Replay(answer=answer())

    async def test_an_answer_ends(self, store: Store) -> None:
        """From its time on the key is free, for any request."""
        await _start(store)
        await _complete(store, answer(), until=_END + TERM)
        last = _END + TERM - _MOMENT
        assert await _start(store, now=last) == Replay(answer=answer())
        assert await _start(store, request="another", now=_END + TERM, until=_END) == Started()

    async def test_of_starts_at_once_one_runs(self, store: Store) -> None:
        """64 race for a key, new or over: one gets it."""
        for n in range(count(2, 50)):
            for now in (NOW, _END):
                starts = (
                    _start(store, str(n), owner=f"process-{who}", now=now, until=now + TERM)
                    for who in range(64)
                )
                told = await asyncio.gather(*starts)
                assert told.count(Started()) == 1
                assert told.count(Running()) == 63
                owner = f"process-{told.index(Started())}"
                assert await _complete(store, answer(), owner, str(n), now + TERM)

    async def test_of_endings_at_once_one_is_written(self, store: Store) -> None:
        """An answer and giving up race: the key says which it was."""
        for n in range(count(4, 200)):
            key = str(n)
            await _start(store, key)
            answered, given_up = await asyncio.gather(
                _complete(store, answer(), key=key), _abandon(store, key=key)
            )
            assert answered != given_up
            expected = Replay(answer=answer()) if answered else Started()
            assert await _start(store, key) == expected

    async def test_what_counts_no_more_is_removed(self, store: Store) -> None:
        """Reservations and answers of all tenants, after their time."""
        await _start(store, "running")
        await _start(store, "theirs", tenant=OTHER)
        await _start(store, "answered", until=NOW)
        await _complete(store, answer(), key="answered")
        await _start(store, "later", until=_END + TERM)
        assert await _purge(store, _END) == 0
        assert await _purge(store, _END + _MOMENT) == 3
        assert await _purge(store, _END + _MOMENT) == 0
        assert await _start(store, "answered") == Started()
        assert await _start(store, "later") == Running()

    async def test_a_purge_of_answers_ends_at_its_limit(self, store: Store) -> None:
        """The longest over go first, and a repeat removes what is left."""
        for n in (2, 0, 1):
            await _start(store, str(n), until=NOW + (n + 1) * _MOMENT)
        await _complete(store, answer(), key="1", until=NOW + 2 * _MOMENT)
        assert await _purge(store, _END, 0) == 0
        assert await _purge(store, _END, 2) == 2
        told = [await _start(store, str(n), now=NOW) for n in range(3)]
        assert told == [Started(), Started(), Running()]
