"""Use one store before a fork and in both processes after it; says what the parent then finds."""

import asyncio
import os
import sys

from support.store_places import store_at
from tillway.core.contracts.samples import payment
from tillway.core.contracts.stores.steps import claim
from tillway.core.ports.store import Store
from tillway.core.tenancy import DEFAULT


async def _claim(store: Store, who: str, times: int) -> None:
    await asyncio.gather(*(claim(store, payment(f"{who}-{n}")) for n in range(times)))


async def _found(store: Store) -> int:
    async with store.view() as view:
        return len(await view.payments.newest(DEFAULT, 10_000))


def main(place: str, times: str) -> None:
    """Claim in both processes at once."""
    store, loop = store_at(place), asyncio.new_event_loop()
    loop.run_until_complete(store.start())
    loop.run_until_complete(_claim(store, "before", 1))
    child = os.fork()
    if child == 0:
        asyncio.run(_claim(store, "child", int(times)))
        asyncio.run(store.aclose())
        os._exit(0)
    loop.run_until_complete(_claim(store, "parent", int(times)))
    _, status = os.waitpid(child, 0)
    print("parent" if status == 0 else f"child ended with {status}")
    print(loop.run_until_complete(_found(store)))
    loop.run_until_complete(store.aclose())
    loop.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
