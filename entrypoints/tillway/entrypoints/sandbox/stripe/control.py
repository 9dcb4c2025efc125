"""/_control: the switches, faults and deliveries of a served account, for other processes."""

import inspect
from typing import Final

import orjson
from aiohttp import web
from attrs import asdict, define, fields_dict
from cattrs import Converter
from cattrs.errors import BaseValidationError

from tillway.entrypoints.sandbox.stripe.errors import Refused, invalid
from tillway.entrypoints.sandbox.stripe.faults import Faults
from tillway.entrypoints.sandbox.stripe.render import shown
from tillway.entrypoints.sandbox.stripe.switches import VERBS, Switches
from tillway.entrypoints.sandbox.stripe.webhooks import Trouble
from tillway.entrypoints.sandbox.stripe.wire import Json

_CONVERTER: Final = Converter(forbid_extra_keys=True)


@define(eq=False)
class Control:
    """Bodies are JSON and say so: no page of another site can send such to this machine."""

    switches: Switches
    faults: Faults

    def routes(self) -> list[web.RouteDef]:
        """Give the paths."""
        return [
            web.get("/_control", self.show),
            web.post("/_control/faults", self.spoil),
            web.post("/_control/webhooks", self.trouble),
            web.post("/_control/{verb}", self.press),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """GET /_control: what is wrong, and the last deliveries."""
        del request
        outbox = self.switches.outbox
        return _reply(
            {
                "faults": asdict(self.faults),
                "webhooks": asdict(outbox.trouble),
                "endpoints": [each.url for each in outbox.endpoints],
                "sent": [asdict(each) for each in list(outbox.log)[-100:]],
                "verbs": list(VERBS),
            }
        )

    async def spoil(self, request: web.Request) -> web.Response:
        """POST /_control/faults: `latency_ms` and `spoiled`, in place of those before."""
        return await self._set(request, self.faults)

    async def trouble(self, request: web.Request) -> web.Response:
        """POST /_control/webhooks: `copies`, `shuffle`, `paused` and `skew`, likewise."""
        answer = await self._set(request, self.switches.outbox.trouble)
        self.switches.outbox.wake()
        return answer

    async def _set(self, request: web.Request, settings: Faults | Trouble) -> web.Response:
        try:
            body = await _object(request)
            fresh = _CONVERTER.structure(body, type(settings))
        except Refused as refused:
            return _reply(refused.json(), refused.status)
        except (BaseValidationError, ValueError):
            return _reply(invalid("These settings are not known, or not so.").json(), 400)
        for name in fields_dict(type(settings)):
            setattr(settings, name, getattr(fresh, name))
        return _reply(asdict(settings))

    async def press(self, request: web.Request) -> web.Response:
        """POST /_control/<verb>: one of the switches, its arguments in the body."""
        verb = request.match_info["verb"]
        try:
            if verb not in VERBS:
                raise Refused(f"There is no switch {verb[:50]}.", status=404)
            does = getattr(self.switches, verb)
            found = does(**_fitting(does, await _object(request)))
        except Refused as refused:
            return _reply(refused.json(), refused.status)
        account = self.switches.account
        return _reply({"id": found["id"]} if found["object"] == "event" else shown(account, found))


def _fitting(does: Json, body: Json) -> Json:
    """Check arguments against what a switch takes."""
    signature = inspect.signature(does)
    try:
        signature.bind(**body)
    except TypeError as error:
        raise invalid(str(error)) from None
    for name, value in body.items():
        wanted = signature.parameters[name].annotation
        if wanted is not type(value) and type(value) not in getattr(wanted, "__args__", ()):
            raise invalid(f"{name} is of the wrong type.", name)
    return body


async def _object(request: web.Request) -> Json:
    if request.content_type != "application/json":
        raise Refused("Content-Type must be application/json.", status=415)
    try:
        body = orjson.loads(await request.read())
    except ValueError:
        raise invalid("The body is no JSON.") from None
    if not isinstance(body, dict):
        raise invalid("An object is expected.")
    return body


def _reply(body: Json, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
