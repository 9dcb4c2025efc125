"""GET /stripe/success and /stripe/cancel: pages that say what happened and repeat nothing."""

import base64
import hashlib
from typing import Final

from aiohttp import web
from attrs import frozen

_STYLE: Final = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem;"
    "color:#1b1b1f;background:#fff}"
    "@media (prefers-color-scheme:dark){body{color:#eee;background:#16161a}}"
)
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
}
"""The page asks for nothing from anywhere, and no other page can put itself around it."""


@frozen(kw_only=True)
class Page:
    """A page that is the same for everybody, whatever stands in the address."""

    title: str
    text: str

    async def handle(self, _: web.Request) -> web.StreamResponse:
        """Answer with the page."""
        return web.Response(text=self.html, content_type="text/html", headers=HEADERS)

    @property
    def html(self) -> str:
        """Give the document."""
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{self.title}</title><style>{_STYLE}</style></head>"
            f"<body><main><h1>{self.title}</h1><p>{self.text}</p></main></body></html>\n"
        )


SUCCESS: Final = Page(
    title="Thank you",
    text="Your payment was received. You may close this page and go back to the shop.",
)
CANCEL: Final = Page(
    title="Nothing was paid",
    text="You have left the checkout. Nothing was charged, and you may go back to the shop.",
)
