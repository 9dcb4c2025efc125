"""Ask for refunds, decide them, list them, look one up."""

from collections.abc import Sequence
from decimal import Decimal

from aiohttp import web
from attrs import define

from tillway.core.errors import Code, Declined, Fault
from tillway.core.ids import REFUND_ID, STRIPE_PREFIX, RefundId, is_transaction_signature
from tillway.core.refunds import Refund
from tillway.core.services.gateway import Services
from tillway.core.services.refunds.requests import RefundAsked
from tillway.core.services.wishes import checked_metadata
from tillway.entrypoints.http.apis.cedros import refund_bodies as bodies
from tillway.entrypoints.http.apis.cedros.refund_texts import requested, shown, waiting
from tillway.entrypoints.http.apis.cedros.texts import moment
from tillway.entrypoints.http.convert import body_of, raw_body
from tillway.entrypoints.http.proofs import word_in
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT, origin
from tillway.entrypoints.http.signed import doer, parameters, shown_in
from tillway.entrypoints.paywall.replies import NO_STORE
from tillway.plugins.api import Answer, Parameter, Route

_NO_SIGNATURE = "originalPurchaseId must be a valid Solana transaction signature"


@define
class Refunds:
    """The handlers. Who asks is found out before anything is told."""

    services: Services
    prefix: str

    async def request(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with the request as it waits."""
        asked = await body_of(request, bodies.RefundRequest)
        _refuse_incomplete(asked)
        refunding = self.services.refunding
        said = shown_in(request, asked)
        deed = refunding.deeds.request(asked.original_purchase_id, asked.recipient_wallet, said)
        await doer(request, asked, deed, self.services.signatures)
        refund = await refunding.request(request[TENANT], _asked(asked))
        return answer(requested(refund))

    async def approve(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with the requirement that pays it; a repeat gives a fresh one."""
        asked = await body_of(request, bodies.RefundDecision)
        refunding = self.services.refunding
        deed = refunding.deeds.approve(asked.refund_id)
        await doer(request, asked, deed, self.services.signatures)
        refund = await refunding.approve(request[TENANT], RefundId(asked.refund_id))
        body = {
            "refundId": refund.id,
            "status": refund.state.value,
            "quote": await self._quote(request, refund),
            "expiresAt": moment(refund.expires_at),
        }
        return answer(body, headers=NO_STORE)

    async def deny(self, request: web.Request) -> web.StreamResponse:
        """Answer 200; the refund is kept, as denied."""
        asked = await body_of(request, bodies.RefundDecision)
        refunding = self.services.refunding
        deed = refunding.deeds.deny(asked.refund_id)
        await doer(request, asked, deed, self.services.signatures)
        await refunding.deny(request[TENANT], RefundId(asked.refund_id), asked.reason)
        return answer({"success": True, "message": "refund denied"})

    async def pending(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with what waits; a body counts only where no header has a signature."""
        asked = bodies.RefundsAsked()
        if word_in(request) is None and (await raw_body(request)).strip():
            asked = await body_of(request, bodies.RefundsAsked)
        refunding = self.services.refunding
        await doer(request, asked, refunding.deeds.pending(), self.services.signatures)
        found = await refunding.pending(request[TENANT], asked.limit)
        listed = [waiting(refund) for refund in found]
        return answer({"refunds": listed, "count": len(listed)}, headers=NO_STORE)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 to whoever knows its id, which nobody can guess."""
        refund = RefundId(request.match_info["refundId"])
        found = await self.services.refunding.get(request[TENANT], refund)
        return answer(shown(found), headers=NO_STORE)

    async def _quote(self, request: web.Request, refund: Refund) -> object:
        if self.services.refunding.is_of_provider(refund):
            return None
        address = f"{origin(request)}{self.prefix}/paywall/{refund.id}"
        quoted = await self.services.refunding.offer(refund, address)
        accepts = [accept for offer in quoted.offers for accept in offer.accepts.get(0, ())]
        return accepts[0] if accepts else None


def _refuse_incomplete(asked: bodies.RefundRequest) -> None:
    """Refuse what cannot be a request, in the contract's order."""
    by_card = asked.original_purchase_id.startswith(STRIPE_PREFIX)
    for name, value in (("recipientWallet", asked.recipient_wallet), ("token", asked.token)):
        if not value and not by_card:
            fault = Fault(field=name, message=f"{name} required")
            raise Declined.for_faults([fault], Code.MISSING_FIELD)
    if (asked.amount is None and not by_card) or (asked.amount is not None and asked.amount <= 0):
        raise Declined(Code.INVALID_AMOUNT, "amount must be positive", field="amount")
    if not by_card and not is_transaction_signature(asked.original_purchase_id):
        hint = "give the transaction signature of the original payment"
        raise Declined(
            Code.INVALID_SIGNATURE,
            _NO_SIGNATURE,
            field="originalPurchaseId",
            details={"hint": hint},
        )


def _asked(body: bodies.RefundRequest) -> RefundAsked:
    return RefundAsked(
        purchase=body.original_purchase_id,
        recipient=body.recipient_wallet or None,
        # The shortest text that reads as this number is what the client wrote.
        amount=None if body.amount is None else Decimal(repr(body.amount)),
        token=body.token or None,
        reason=body.reason,
        metadata=checked_metadata(body.metadata),
    )


_DECIDING = (
    Code.INVALID_SIGNATURE,
    Code.REFUND_NOT_FOUND,
    Code.REFUND_ALREADY_PROCESSED,
)


def routes(services: Services, prefix: str) -> Sequence[Route]:
    """Give them."""
    refunds = Refunds(services, prefix)
    return [
        Route(
            method="POST",
            path="/paywall/v1/refunds/request",
            handler=refunds.request,
            name="request_refund",
            summary="Ask for money back",
            body=bodies.RefundRequest,
            parameters=parameters(),
            answers=(Answer(status=200, description="It waits.", body=bodies.RefundRequested),),
            refusals=(
                Code.INVALID_AMOUNT,
                Code.INVALID_SIGNATURE,
                Code.RESOURCE_NOT_FOUND,
                Code.TRANSACTION_NOT_CONFIRMED,
                Code.INVALID_RECIPIENT,
                Code.AMOUNT_MISMATCH,
                Code.INVALID_TOKEN_MINT,
                Code.REFUND_ALREADY_PROCESSED,
            ),
            idempotent=True,
        ),
        Route(
            method="POST",
            path="/paywall/v1/refunds/approve",
            handler=refunds.approve,
            name="approve_refund",
            summary="Have a refund be paid out",
            body=bodies.RefundDecision,
            parameters=parameters(),
            answers=(
                Answer(status=200, description="How it is paid.", body=bodies.RefundApproved),
            ),
            refusals=(
                *_DECIDING,
                Code.INVALID_RESOURCE,
                Code.RESOURCE_NOT_FOUND,
                Code.TRANSACTION_NOT_CONFIRMED,
                Code.STRIPE_ERROR,
            ),
        ),
        Route(
            method="POST",
            path="/paywall/v1/refunds/deny",
            handler=refunds.deny,
            name="deny_refund",
            summary="Decide that nothing is paid out",
            body=bodies.RefundDecision,
            parameters=parameters(),
            answers=(Answer(status=200, description="It is denied.", body=bodies.RefundDenied),),
            refusals=_DECIDING,
        ),
        Route(
            method="POST",
            path="/paywall/v1/refunds/pending",
            handler=refunds.pending,
            name="list_pending_refunds",
            summary="Refunds that wait to be decided or paid out",
            body=bodies.RefundsAsked,
            parameters=parameters(),
            answers=(Answer(status=200, description="What waits.", body=bodies.PendingRefunds),),
            refusals=(Code.INVALID_SIGNATURE, Code.UNAUTHORIZED_REFUND_ISSUER),
        ),
        Route(
            method="GET",
            path="/paywall/v1/refunds/{refundId}",
            handler=refunds.show,
            name="show_refund",
            summary="What became of a refund",
            parameters=(
                Parameter(
                    name="refundId",
                    where="path",
                    required=True,
                    description="Its id.",
                    schema={"pattern": f"^{REFUND_ID.pattern}$"},
                ),
            ),
            answers=(Answer(status=200, description="As it stands.", body=bodies.RefundShown),),
            refusals=(Code.REFUND_NOT_FOUND,),
        ),
    ]
