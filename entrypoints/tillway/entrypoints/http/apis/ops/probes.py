"""GET /healthz/live and /healthz/ready: what an orchestrator asks."""

from aiohttp import web
from attrs import define

from tillway.core.errors import Unavailable
from tillway.entrypoints.http.apis.ops.health import Checkup
from tillway.entrypoints.http.config import DRAIN
from tillway.entrypoints.http.render import answer, refuse


async def live(_: web.Request) -> web.StreamResponse:
    """Answer 200 as long as the process answers at all."""
    return answer({"status": "ok"})


@define
class Readiness:
    """Whether to send requests here."""

    checkup: Checkup

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200, or 503 when the store or a rail is away, or the process is on its way out."""
        if request.app[DRAIN].begun:
            return refuse(Unavailable(details={"status": "draining"}))
        vitals = await self.checkup.vitals()
        checks: dict[str, object] = {
            "store": vitals.store,
            "rails": {name: health.reachable for name, health in vitals.rails.items()},
        }
        if not vitals.ready:
            return refuse(Unavailable(details={"status": "away", **checks}))
        return answer({"status": "ready", **checks})
