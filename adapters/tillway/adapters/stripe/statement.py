"""What the account has: its sessions and refunds, listed a page at a time."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import define, field

from tillway.adapters.stripe.answers import Fields
from tillway.adapters.stripe.client import Api
from tillway.adapters.stripe.refunds import read_refund
from tillway.adapters.stripe.sessions import read_session
from tillway.core.assets import Assets
from tillway.core.ports.hosting import HostedSession
from tillway.core.ports.statements import StatedRefund

_PAGE: Final = 100


@define(kw_only=True)
class Statement:
    """Lists. The laws are those of `ShowsStatement`."""

    api: Api = field(repr=False)
    assets: Assets = field(repr=False)

    async def sessions(
        self, since: datetime | None, until: datetime
    ) -> AsyncIterator[HostedSession]:
        """Give sessions; one in a currency that is not known here is another's."""
        async for fields in self._each("checkout.sessions", "/v1/checkout/sessions", since, until):
            if _is_known(fields, self.assets):
                yield read_session(fields, self.assets)

    async def refunds(self, since: datetime | None, until: datetime) -> AsyncIterator[StatedRefund]:
        """Give refunds; what they give back is named by its intent, or else by its charge."""
        async for fields in self._each("refunds", "/v1/refunds", since, until):
            payment = fields.ref("payment_intent") or fields.ref("charge")
            if payment is not None and _is_known(fields, self.assets):
                yield StatedRefund(refund=read_refund(fields, self.assets), payment=payment)

    async def _each(
        self, kind: str, path: str, since: datetime | None, until: datetime
    ) -> AsyncIterator[Fields]:
        last: str | None = None
        while True:
            page = await self._page(kind, path, _span(since, until), last)
            for fields in page:
                yield fields
            if len(page) < _PAGE:
                return
            last = page[-1].need_ref("id")

    async def _page(
        self, kind: str, path: str, span: dict[str, int], last: str | None
    ) -> Sequence[Fields]:
        params: dict[str, Any] = {"limit": _PAGE, "created": span}
        if last is not None:
            params["starting_after"] = last
        return await self.api.read(
            f"{kind}.list", path, params, lambda answer: list(answer.each("data"))
        )


def _span(since: datetime | None, until: datetime) -> dict[str, int]:
    span = {"lte": int(until.timestamp())}
    return span if since is None else {"gte": int(since.timestamp()), **span}


def _is_known(fields: Fields, assets: Assets) -> bool:
    code = fields.text("currency")
    return code is None or any(each.stripe == code for each in assets)
