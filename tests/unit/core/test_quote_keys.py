"""Agreeing on the keys that seal quotes: every process and restart has the same."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tillway.adapters.stores.memory import MemoryStore
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.samples import NOW
from tillway.core.ports.store import QuoteKey, Store
from tillway.core.secrets import Secret
from tillway.core.services.paying.quote_keys import Keyring

FIRST, SECOND, THIRD = (Secret(letter * 40) for letter in "abc")
LATER = NOW + timedelta(minutes=1)
PROCESS = """
import asyncio, secrets, sys
from datetime import UTC, datetime
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.services.paying.quote_keys import Keyring

async def main():
    store = SqliteStore(sys.argv[1])
    await store.start()
    ring = Keyring(store=store, configured=(), random=secrets.token_bytes)
    keys = await ring.agree(datetime.now(UTC))
    await store.aclose()
    print([(key.id, key.secret.hex(), key.retired_at) for key in keys])

asyncio.run(main())
"""


@pytest.fixture(params=["memory", "file"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Give each store, open."""
    file = tmp_path / "tillway.db"
    made: Store = MemoryStore() if request.param == "memory" else SqliteStore(file)
    await made.start()
    yield made
    await made.aclose()


def ring(store: Store, *secret: Secret) -> Keyring:
    return Keyring(store=store, configured=secret, random=secrets.token_bytes)


async def agreed(store: Store, *secret: Secret, at: datetime = NOW) -> Sequence[QuoteKey]:
    return await ring(store, *secret).agree(at)


def shown(keys: Sequence[QuoteKey]) -> list[tuple[bytes | None, datetime | None]]:
    return [(key.secret, key.retired_at) for key in keys]


class TestKept:
    async def test_without_configured_keys_one_is_made_and_kept(self, store: Store) -> None:
        """Whoever asks again has the same, of 32 random bytes."""
        first, again = await agreed(store), await agreed(store, at=LATER)

        assert first == again
        assert len(first) == 1
        assert first[0].secret is not None
        assert len(first[0].secret) == 32

    async def test_many_who_begin_at_once_have_the_same(self, store: Store) -> None:
        """The first one's key stands; the others' are dropped."""
        found = await asyncio.gather(*(agreed(store) for _ in range(16)))
        assert len({keys[0].secret for keys in found}) == 1

    async def test_processes_that_begin_at_once_have_the_same(self, tmp_path: Path) -> None:
        """Four processes open one new file together."""
        command = [sys.executable, "-c", PROCESS, str(tmp_path / "tillway.db")]
        begun = [
            await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            for _ in range(4)
        ]
        said = await asyncio.gather(*(each.communicate() for each in begun))

        assert [each.returncode for each in begun] == [0, 0, 0, 0]
        assert len({out for out, _ in said}) == 1
        assert len(said[0][0]) > 64

    async def test_a_restart_has_the_same(self, tmp_path: Path) -> None:
        """It is in the file."""
        found = []
        for _ in range(2):
            store = SqliteStore(tmp_path / "tillway.db")
            await store.start()
            found.append(await agreed(store))
            await store.aclose()
        assert found[0] == found[1]


class TestConfigured:
    async def test_the_first_seals_and_the_others_open(self, store: Store) -> None:
        """A key that was never first is announced, not retired: it opens for as long as it is."""
        keys = await agreed(store, FIRST, SECOND, THIRD)

        assert shown(keys) == [(b"a" * 40, None), (b"b" * 40, None), (b"c" * 40, None)]

    async def test_a_repeat_gives_the_same(self, store: Store) -> None:
        """A key is retired from the first time that another was seen in its place."""
        await agreed(store, SECOND)
        first = await agreed(store, FIRST, SECOND)
        assert await agreed(store, FIRST, SECOND, at=LATER) == first

    async def test_a_new_first_key_retires_the_old_one(self, store: Store) -> None:
        """From the moment at which a process first has it so."""
        await agreed(store, FIRST)
        keys = await agreed(store, SECOND, FIRST, at=LATER)

        assert shown(keys) == [(b"b" * 40, None), (b"a" * 40, LATER)]

    async def test_a_key_can_come_back(self, store: Store) -> None:
        """Put first again, it is not retired any more."""
        await agreed(store, FIRST, SECOND)
        keys = await agreed(store, SECOND, FIRST, at=LATER)
        assert shown(keys) == [(b"b" * 40, None), (b"a" * 40, LATER)]

    async def test_a_key_that_was_taken_away_opens_nothing(self, store: Store) -> None:
        """Its secret was never written down."""
        await agreed(store, FIRST, SECOND)
        keys = await agreed(store, FIRST, at=LATER)
        assert shown(keys) == [(b"a" * 40, None)]

    async def test_the_store_holds_no_secret_of_the_operator_s(self, store: Store) -> None:
        """Only a mark by which it is known again."""
        await agreed(store, FIRST, SECOND)
        async with store.view() as view:
            kept = await view.quote_keys.all()
        assert {key.secret for key in kept} == {None}
        assert not {"a" * 40, "b" * 40} & {key.id for key in kept}

    async def test_the_kept_key_still_opens_when_one_is_configured(self, store: Store) -> None:
        """Quotes that were sealed before the operator had a key are good until they end."""
        kept = (await agreed(store))[0]
        keys = await agreed(store, FIRST, at=LATER)
        assert shown(keys) == [(b"a" * 40, None), (kept.secret, LATER)]

    async def test_without_keys_again_the_kept_one_is_taken_up(self, store: Store) -> None:
        """The same as before, not another."""
        kept = (await agreed(store))[0]
        await agreed(store, FIRST)
        keys = await agreed(store, at=LATER)
        assert shown(keys) == [(kept.secret, None)]


class TestRotation:
    async def test_processes_follow_whoever_takes_a_new_key_into_use(self, store: Store) -> None:
        """One that knows the new key in second place seals with it from its next look on."""
        old, new = ring(store, FIRST, SECOND), ring(store, SECOND, FIRST)
        await old.agree(NOW)
        await new.agree(LATER)

        assert shown(await old.now()) == [(b"b" * 40, None), (b"a" * 40, LATER)]
        assert await old.now() == await new.now()

    async def test_one_without_the_new_key_goes_on_with_its_own(self, store: Store) -> None:
        """It cannot do better; its quotes open elsewhere for as long as a retired key's do."""
        old = ring(store, FIRST)
        await old.agree(NOW)
        await ring(store, SECOND, FIRST).agree(LATER)

        assert shown(await old.now()) == [(b"a" * 40, LATER)]

    async def test_looking_writes_nothing(self, store: Store) -> None:
        """Before anybody has agreed there is nothing to see."""
        assert await ring(store, FIRST).now() == []
