"""What a request to the gateway pays with, and how it asks."""

from aiohttp import web

from tillway.core.payments import Asked
from tillway.core.ports.rails import Proof
from tillway.core.services.rails import Rails
from tillway.entrypoints.http.request import BODY, CLIENT, PRINCIPAL, TENANT, place
from tillway.entrypoints.paywall import request as paywall


def neutral(request: web.Request) -> paywall.Request:
    """Give the request as the paywall sees it. The body counts once it has been read."""
    asked_at = place(request)
    return paywall.Request(
        method=request.method,
        path=request.rel_url.raw_path,
        query=request.rel_url.raw_query_string,
        url=asked_at.url(request.rel_url.raw_path),
        certain=asked_at.certain,
        headers=request.headers,
        body=request.get(BODY, b""),
        address=request[CLIENT],
        tenant=request[TENANT],
        principal=request[PRINCIPAL],
    )


def proof_in(request: web.Request, rails: Rails) -> Proof | None:
    """Read the proof that a request carries, as `paywall.request.proof_in` does."""
    return paywall.proof_in(neutral(request), rails)


def asked_by(request: web.Request) -> Asked:
    """Hash how a request asks, so that a repeat can be told from another request."""
    return paywall.asked_in(neutral(request))
