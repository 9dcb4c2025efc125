"""A process that receives an event and is killed while it applies it.

``python -m support.dying_receiver SETTINGS EVENT before|within``: killed before anything is
written, or with all of it written and not committed.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from attrs import define

from support.storm import Sent
from tillway.core.ports.hosting import News
from tillway.core.ports.store import UnitOfWork
from tillway.core.services.hosted.incoming import Applies
from tillway.core.tenancy import DEFAULT, Tenant
from tillway.entrypoints.bootstrap import create_app
from tillway.entrypoints.configuration import configure


@define
class Dying:
    """Apply news, and die."""

    inner: Applies
    when: str

    async def apply(self, unit: UnitOfWork, tenant: Tenant, source: str, news: News) -> None:
        """Die before, or with everything written."""
        if self.when == "within":
            await self.inner.apply(unit, tenant, source, news)
        os.kill(os.getpid(), signal.SIGKILL)


async def receive(settings: str, body: bytes, when: str) -> None:
    """Receive the event, and get no further."""
    gateway = create_app(configure(settings, {}), background=False)
    await gateway.open()
    incoming = gateway.services.incoming
    incoming.news = Dying(incoming.news, when)
    sent = Sent("", body)
    await incoming.receive(DEFAULT, "stripe", sent.headers, sent.body)


if __name__ == "__main__":
    text, told = Path(sys.argv[1]).read_text(), Path(sys.argv[2]).read_bytes()
    asyncio.run(receive(text, told, sys.argv[3]))
