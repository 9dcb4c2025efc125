"""Refunds through Stripe: one for a reference of ours, whenever and however often it is asked."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from tillway.adapters.stripe.answers import Fields
from tillway.adapters.stripe.client import LOOK_AGAIN, Api, key_of
from tillway.adapters.stripe.completion import Completion
from tillway.adapters.stripe.errors import Unauthentic
from tillway.adapters.stripe.metadata import REFUND, written
from tillway.core.assets import Assets
from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.ports.hosting import PaidBack, PayBack, PayBackState

_PATH: Final = "/v1/refunds"
_PAGE: Final = 100
_MOST_PAGES: Final = 20

STATES: Final[Mapping[str, PayBackState]] = {
    "succeeded": PayBackState.DONE,
    "failed": PayBackState.FAILED,
    "canceled": PayBackState.FAILED,
}
"""Whatever else a refund is, it is still on its way (pending, requires_action)."""


def read_refund(fields: Fields, assets: Assets) -> PaidBack:
    """Read a refund as an answer or a charge has it."""
    return PaidBack(
        id=fields.need_ref("id"),
        amount=fields.money("amount", fields.asset(assets)),
        state=STATES.get(fields.text("status") or "", PayBackState.PENDING),
        reference=fields.texts("metadata").get(REFUND),
    )


def paid_by(payment: str) -> Mapping[str, str]:
    """Name the money as Stripe's parameters do."""
    return {"charge" if payment.startswith(("ch_", "py_")) else "payment_intent": payment}


@define(kw_only=True)
class PayBacks:
    """Pays back. The laws are those of `PaysBack`."""

    api: Api = field(repr=False)
    assets: Assets = field(repr=False)
    completion: Completion = field(repr=False)

    async def pay_back(self, asked: PayBack) -> PaidBack:
        """Pay back, unless that was done: Stripe itself forgets our key after a day.

        Unavailable where Stripe does not take our key: that says nothing of the refund, which is
        owed as before and can be paid once there is another key.
        """
        try:
            return await self._paid_back(asked)
        except Unauthentic as refused:
            raise Unavailable(Code.STRIPE_ERROR, retry_after=LOOK_AGAIN) from refused

    async def _paid_back(self, asked: PayBack) -> PaidBack:
        payment = await self._money(asked.payment)
        known = await self._find(payment, asked.reference)
        if known is not None:
            return known
        params: dict[str, Any] = {
            **paid_by(payment),
            "amount": asked.amount.minor,
            "metadata": dict(written(asked.metadata, {REFUND: asked.reference})),
        }
        return await self.api.write(
            "refunds.create", _PATH, params, self._read, key=key_of("refund", asked.reference)
        )

    async def find(self, payment: str, reference: str) -> PaidBack | None:
        """Look through the refunds of a payment for ours."""
        return await self._find(await self._money(payment), reference)

    async def _money(self, payment: str) -> str:
        """Give the money of a session or an invoice: subscriptions' events may not name it."""
        found: str | None = payment
        if payment.startswith("cs_"):
            session = await self.completion.sessions.retrieve(payment)
            found = None if session is None else session.payment
        elif payment.startswith("in_"):
            found = await self.completion.money_of(payment)
        if found is None:
            raise Declined(Code.INVALID_AMOUNT, "Nothing was paid by card that could go back.")
        return found

    async def _find(self, payment: str, reference: str) -> PaidBack | None:
        last: str | None = None
        for _ in range(_MOST_PAGES):
            page = await self._page(payment, last)
            found = [one for one in page if one.reference == reference]
            if found or len(page) < _PAGE:
                return found[0] if found else None
            last = page[-1].id
        # That it was not among so many proves nothing.
        raise Unavailable(Code.STRIPE_ERROR)

    async def _page(self, payment: str, last: str | None) -> Sequence[PaidBack]:
        params: dict[str, Any] = {**paid_by(payment), "limit": _PAGE}
        if last is not None:
            params["starting_after"] = last
        return await self.api.read(
            "refunds.list",
            _PATH,
            params,
            lambda answer: [self._read(one) for one in answer.each("data")],
        )

    def _read(self, fields: Fields) -> PaidBack:
        return read_refund(fields, self.assets)
