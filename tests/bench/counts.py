"""What one payment asks of the node and of the store, counted.

The law itself is held by `tests/integration/payments/test_counts.py`; here are the figures.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.bench import Bench
from bench.report import Aim, Report
from support.counting import Counted, open_counting

TITLE: Final = "counts: calls of the node and units of work on the store, for each payment"
METHODS: Final = ("simulateTransaction", "sendTransaction", "getSignatureStatuses")
SUBSCRIBED: Final = "signatureSubscribe"
_SHORT: Final = ("simulate", "send", "statuses", "others", "subscribe")
_ALONE, _TOGETHER = 10, 100


def measure(bench: Bench) -> Iterator[Report]:
    """Count payments one after the other, and many at once."""
    rows, aims = [], []
    for backend in ("memory", "file"):
        alone, together = asyncio.run(_counted(backend, bench.folder))
        rows += [
            _row(backend, "one by one", alone),
            _row(backend, f"{_TOGETHER} at once", together),
        ]
        aims += [*_aims(backend, alone, together)]
    yield Report(
        title=TITLE,
        columns=("store", "how", *_SHORT, "units", "views"),
        rows=rows,
        aims=aims,
        notes=[
            "subscribe is a message on the one WebSocket; views are the lookup by key, besides",
            "which a process reads some things of its own every few seconds",
        ],
    )


async def _counted(backend: str, folder: Path) -> tuple[Counted, Counted]:
    async with open_counting(backend, folder) as counting:
        alone = await counting.paid(_ALONE, together=False)
        return alone, await counting.paid(_TOGETHER, together=True)


def _row(backend: str, how: str, counted: Counted) -> tuple[str, ...]:
    return (
        backend,
        how,
        *(f"{counted.each(method):.2f}" for method in METHODS),
        f"{_others(counted) / counted.payments:.2f}",
        f"{counted.each(SUBSCRIBED):.2f}",
        f"{counted.writes / counted.payments:.2f}",
        f"{counted.reads / counted.payments:.2f}",
    )


def _others(counted: Counted) -> int:
    return sum(count for name, count in counted.calls.items() if name not in (*METHODS, SUBSCRIBED))


def _aims(backend: str, alone: Counted, together: Counted) -> Iterator[Aim]:
    for method in METHODS[:2]:
        once = alone.each(method) == together.each(method) == 1
        yield Aim(f"{backend}: {method} once for each payment", once)
    shared = together.each(METHODS[2]) < 0.5
    yield Aim(f"{backend}: no polling for each payment beyond the batch", shared)
    twice = (alone.writes, together.writes) == (2 * _ALONE, 2 * _TOGETHER)
    yield Aim(f"{backend}: two units of work for each payment", twice)
