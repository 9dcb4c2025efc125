"""``tillway serve``: a gateway in one process, or in several that share a port."""

import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Self

from attrs import evolve, field, frozen

from tillway.entrypoints.configuration import Configured
from tillway.entrypoints.processes.answering import Answering, Times, answer_until_told
from tillway.entrypoints.processes.children import Birth, Parent
from tillway.entrypoints.processes.failures import CannotStart
from tillway.entrypoints.processes.listening import bind, port_of, reserve, url_of
from tillway.entrypoints.processes.running import run
from tillway.entrypoints.processes.shared_metrics import shared_metrics
from tillway.entrypoints.processes.signals import Told
from tillway.entrypoints.settings.sections import ServerSettings
from tillway.entrypoints.version import version
from tillway.plugins.settings.storage import StorageSettings

Say = Callable[[str], None]
Attempt = Callable[[Callable[[], int]], int]
"""Does a process's work, tells people what fails, and gives the exit code."""


@frozen(kw_only=True)
class Plan:
    """Where to listen, with how many processes, and how patiently."""

    host: str
    port: int
    workers: int = 1
    background: bool = True
    times: Times = field(factory=Times)

    @classmethod
    def of(cls, configured: Configured, *, workers: int | None, background: bool) -> Self:
        """Plan as the settings say; ``workers`` None means theirs."""
        server = configured.settings.section(ServerSettings)
        times = Times(
            read=server.read_timeout.total_seconds(),
            write=server.write_timeout.total_seconds(),
            idle=server.idle_timeout.total_seconds(),
        )
        return cls(
            host=server.host,
            port=server.port,
            workers=workers or server.workers,
            background=background,
            times=times,
        )


def serve(configured: Configured, plan: Plan, *, say: Say, attempt: Attempt) -> int:
    """Serve until told to stop and give the exit code; ``say`` is told where we listen.

    Raises CannotStart and whatever else keeps a gateway from opening.
    """
    if plan.workers == 1:
        return _alone(configured, plan, say)
    _refuse_what_is_not_shared(configured)
    return _together(configured, plan, say, attempt)


def _alone(configured: Configured, plan: Plan, say: Say) -> int:
    sockets = bind(plan.host, plan.port)
    line = _line(plan, port_of(sockets))
    run(_answer(configured, plan, sockets, Told(), lambda: say(line)))
    return 0


def _together(configured: Configured, plan: Plan, say: Say, attempt: Attempt) -> int:
    kept = reserve(plan.host, plan.port)
    plan = evolve(plan, port=port_of(kept))
    with shared_metrics() as forget:
        import tillway.entrypoints.bootstrap  # noqa: F401 - what is imported now is shared

        parent = Parent(
            count=plan.workers,
            work=lambda birth: attempt(partial(_child, configured, plan, birth)),
            on_all=lambda: say(_line(plan, plan.port)),
            on_death=forget,
        )
        return parent.run()


def _child(configured: Configured, plan: Plan, birth: Birth) -> int:
    sockets = bind(plan.host, plan.port, shared=True)
    told = Told(lifeline=birth.lifeline)
    run(_answer(configured, plan, sockets, told, birth.ready, careful=birth.first))
    return 0


async def _answer(
    configured: Configured,
    plan: Plan,
    sockets: Sequence[socket.socket],
    told: Told,
    listening: Callable[[], None],
    *,
    careful: bool = True,
) -> None:
    from tillway.entrypoints.bootstrap import create_app

    gateway = create_app(configured, background=plan.background)
    told.refresh = gateway.forget
    told.listen()
    answering = Answering(
        gateway=gateway,
        sockets=sockets,
        times=plan.times,
        careful=careful,
    )
    await answer_until_told(answering, told, listening)


def _refuse_what_is_not_shared(configured: Configured) -> None:
    if configured.settings.section(StorageSettings).backend == "memory":
        raise CannotStart(
            "the memory store belongs to one process: for several, set storage.backend to file, "
            "or to a database that they can share"
        )
    if not hasattr(os, "fork"):
        raise CannotStart("this system cannot run several processes on a port: use one")


def _line(plan: Plan, port: int) -> str:
    processes = f" with {plan.workers} processes" if plan.workers > 1 else ""
    return f"Tillway {version()} listens on {url_of(plan.host, port)}{processes}"
