"""Whether a database takes what is written."""

import os
from contextlib import suppress
from typing import Final

from tillway.adapters.stores.postgres.faults import unavailable
from tillway.adapters.stores.postgres.pool import Lent, Pool
from tillway.adapters.stores.postgres.sessions import single, unit
from tillway.core.errors import Unavailable

_IS_READ_ONLY: Final = "SHOW transaction_read_only"
_ADD_KEY: Final = "SELECT tillway_add_key($1, $2, NULL)"
_FULL: Final = "53100"
_MUCH: Final = 64 * 1024


def met_full_disk(error: Unavailable) -> bool:
    """Tell whether this is what writes are told while the server's disk is full."""
    return getattr(error.__cause__, "sqlstate", None) == _FULL


async def check_read_only(pool: Pool) -> None:
    """Raise Unavailable where the server takes no writes at all, as a standby does."""

    async def work(sql: Lent) -> str:
        return str(await sql.value(_IS_READ_ONLY))

    async with single(pool, writable=False) as session:
        if await session.read(work) == "on":
            raise unavailable("cannot be written to")


async def check_room(pool: Pool) -> None:
    """Raise Unavailable while there is no room: write something large, and take it back.

    It leaves pages behind that have to be swept, so this is for disks that were full before.
    """

    async def work(sql: Lent) -> None:
        await sql.run(_ADD_KEY, "room", os.urandom(_MUCH))

    with suppress(_Enough):
        async with unit(pool) as session:
            await session.write(work)
            raise _Enough


class _Enough(Exception):
    """Has what was written rolled back."""
