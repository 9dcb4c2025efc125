"""Answers that no framework has made, as aiohttp sends them."""

from aiohttp import web

from tillway.entrypoints.paywall.replies import Reply


def response_of(reply: Reply) -> web.Response:
    """Give it as a response of aiohttp."""
    return web.Response(body=reply.body, status=reply.status, headers=reply.headers)
