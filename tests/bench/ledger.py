"""Entries a second over fifty accounts that everybody wants, against pgbench.

pgbench writes the same rows by hand and changes the two balances with each entry, as one does
without our books: its client is in C, and whoever wants an account waits for its row.
"""

import itertools
import random
import re
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvloop

from bench.bench import Bench
from bench.pace import Pace, Rounds, paced
from bench.report import Report, micros
from bench.servers import Postgres, postgres
from support.postgres import SUPERUSER
from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.postgres import PostgresStore
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.assets import USDC
from tillway.core.contracts.samples import NOW
from tillway.core.ledger import Account, AccountKind, Entry, EntryKey, Posting
from tillway.core.money import Money
from tillway.core.ports.store import Posted
from tillway.core.tenancy import DEFAULT

TITLE: Final = "ledger: entries between two of 50 accounts"
ACCOUNTS: Final = 50
WRITERS: Final = (16, 64)
_ROUNDS: Final = 3
_READY: Final = 8_000
_LEAST: Final = -(10**12)
_PGBENCH: Final = "pgbench, by hand"

_TABLES: Final = (
    "CREATE TABLE raw_events (LIKE tillway_events INCLUDING ALL)",
    "CREATE TABLE raw_lines (LIKE tillway_lines INCLUDING ALL)",
    "CREATE TABLE raw_accounts (LIKE tillway_accounts INCLUDING ALL)",
    "INSERT INTO raw_accounts (tenant, name, asset)"
    " SELECT 'default', 'credits:user-' || n || ':USDC', '{}'"
    f" FROM generate_series(1, {ACCOUNTS}) AS n",
    "CREATE SEQUENCE raw_entries",
)

# Accounts are changed in one order, so that nobody waits in a circle.
_SCRIPT: Final = r"""
\set one random(1, 49)
\set other random(:one + 1, 50)
\set minor random(-500, 500)
BEGIN;
SELECT nextval('raw_entries') AS entry \gset
INSERT INTO raw_events (tenant, id, type, at, body)
VALUES ('default', 'entry:' || (:entry)::text, 'ledger.entry', now(), (:about)::json);
INSERT INTO raw_lines (tenant, account, at, entry, place, minor, asset)
VALUES
('default', (:account)::text || (:one)::text || (:code)::text,
now(), (:entry)::text, 0, (:minor)::bigint, (:asset)::text),
('default', (:account)::text || (:other)::text || (:code)::text,
now(), (:entry)::text, 1, -(:minor)::bigint, (:asset)::text);
UPDATE raw_accounts SET total = total + (:minor)::bigint
WHERE tenant = 'default' AND name = (:account)::text || (:one)::text || (:code)::text;
UPDATE raw_accounts SET total = total - (:minor)::bigint
WHERE tenant = 'default' AND name = (:account)::text || (:other)::text || (:code)::text;
COMMIT;
"""
_TPS: Final = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)

Found = dict[tuple[str, int], Rounds]
Run = Callable[[int, float], Awaitable[Pace]]


def measure(bench: Bench) -> Iterator[Report]:
    """Let all take turns, and compare the middle ones."""
    with postgres() as sql:
        found = uvloop.run(_measured(bench, sql))
    yield _report(found, sql)


async def _measured(bench: Bench, sql: Postgres | None) -> Found:
    seconds = bench.seconds / 6
    found: Found = {}
    async with _ways(bench, sql) as ways:
        for _, some, who in itertools.product(range(_ROUNDS), WRITERS, ways):
            pace = await ways[who](some, seconds)
            found.setdefault((who, some), Rounds()).paces.append(pace)
    return found


@asynccontextmanager
async def _ways(bench: Bench, sql: Postgres | None) -> AsyncIterator[Mapping[str, Run]]:
    numbers = itertools.count()
    async with AsyncExitStack() as stack:
        stores: dict[str, Any] = {"file": SqliteStore(bench.folder / "ledger.db")}
        if sql is not None:
            await sql.databases.prepare()
            url, _ = await sql.urls()
            stores["postgres"] = PostgresStore(url)
        for store in stores.values():
            await store.start()
            stack.push_async_callback(_checked, store)
        ways: dict[str, Run] = {}
        for name, store in stores.items():
            ways[name] = partial(_store, store, numbers, None)
            ways[f"{name}, tested for what is left"] = partial(_store, store, numbers, _LEAST)
        if sql is not None and (pgbench := sql.databases.server.bin / "pgbench").exists():
            ways[_PGBENCH] = await _pgbench_way(bench, sql, pgbench)
        yield ways


async def _checked(store: Any) -> None:
    """See that the books sum to zero, and close the store."""
    async with store.view(once=True) as view:
        balances = await view.ledger.balances(DEFAULT, 1_000)
    await store.aclose()
    assert len(balances) == ACCOUNTS, balances
    assert sum(total.minor for _, total in balances) == 0, balances


async def _store(
    store: Any, numbers: "itertools.count[int]", least: int | None, writers: int, seconds: float
) -> Pace:
    async def post(entry: Entry) -> None:
        async with store.begin(once=True) as unit:
            assert isinstance(await unit.ledger.post(entry), Posted)

    ready = itertools.islice(numbers, int(_READY * seconds) + 1)
    return await paced([_entry(number, least) for number in ready], [post], writers, seconds)


def _entry(number: int, least: int | None) -> Entry:
    draw = random.Random(number)
    one, other = draw.sample(range(ACCOUNTS), 2)
    minor = draw.randint(-500, 500)
    return Entry(
        key=EntryKey(f"bench:{number}"),
        tenant=DEFAULT,
        at=NOW,
        postings=(
            Posting(account=_account(one), amount=Money(minor, USDC), least=least),
            Posting(account=_account(other), amount=Money(-minor, USDC), least=least),
        ),
        about={"for": "bench"},
    )


def _account(number: int) -> Account:
    return Account(AccountKind.CREDITS, f"user-{number}")


async def _pgbench_way(bench: Bench, sql: Postgres, program: Path) -> Run:
    name = await sql.databases.fresh()
    await sql.databases.sql(*_TABLES, database=name)
    script = bench.folder / "entry.sql"
    script.write_text(_SCRIPT)
    address = ["-h", "127.0.0.1", "-p", f"{sql.databases.server.port}", "-U", SUPERUSER]
    command = [str(program), "-n", "-M", "prepared", "-f", str(script), *address, *_words()]

    async def run(writers: int, seconds: float) -> Pace:
        # It counts in whole seconds.
        crowd = ["-c", f"{writers}", "-T", f"{max(1, round(seconds))}"]
        said = subprocess.run(  # noqa: ASYNC221 - nobody else is to run meanwhile
            [*command, *crowd, name], check=False, capture_output=True, text=True, timeout=120
        )
        found = _TPS.search(said.stdout)
        assert found is not None, said.stderr
        return Pace(float(found[1]))

    return run


def _words() -> Sequence[str]:
    """Give what each transaction says, as variables of pgbench."""
    fact, lines = Codec().entry_rows(_entry(0, None))
    words = {
        "about": fact.body,
        "account": "credits:user-",
        "code": ":USDC",
        "asset": lines[0].asset,
    }
    return list(itertools.chain.from_iterable(("-D", f"{k}={v}") for k, v in words.items()))


def _report(found: Found, sql: Postgres | None) -> Report:
    return Report(
        title=TITLE,
        columns=("who", "writers", "entries/s", "of pgbench", "p50 ms", "p99 ms", "CPU us"),
        rows=[_row(found, who, some) for who, some in found],
        notes=[
            sql.name if sql else "no PostgreSQL",
            "our balances were seen to sum to zero afterwards",
            "pgbench changes balances in each transaction and keeps their rows locked until the"
            " commit; the store does so only where what is left is tested",
        ],
    )


def _row(found: Found, who: str, some: int) -> Sequence[str]:
    rounds, plain = found[who, some], found.get((_PGBENCH, some))
    against = f"{rounds.against(plain):.2f}x" if plain else ""
    speed = (who, f"{some}", f"{rounds.rate:,.0f}", against)
    if who == _PGBENCH:
        return (*speed, "", "", "")
    spread = rounds.latency
    millis = (f"{spread.median * 1e3:.1f}", f"{spread.p99 * 1e3:.1f}")
    return (*speed, *millis, micros(rounds.cpu))
