"""The hosted pages as HTML: everything from outside is escaped, nothing is loaded from anywhere."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from attrs import frozen

_STYLE: Final = """
:root{color-scheme:light}
body{margin:0;font:16px/1.5 system-ui,sans-serif;background:#f6f7f9;color:#1a1f36}
main{max-width:28rem;margin:2rem auto;padding:1.5rem;background:#fff;border:1px solid #d8dce5;
border-radius:8px}
h1{font-size:1.25rem;margin:0 0 1rem}
p{overflow-wrap:anywhere}
table{width:100%;border-collapse:collapse}
td,th{padding:.35rem 0;text-align:left;font-weight:400;vertical-align:top;overflow-wrap:anywhere}
td:last-child{text-align:right;white-space:nowrap;padding-left:1rem}
tr.total td,tr.total th{border-top:1px solid #d8dce5;font-weight:600}
label{display:block;margin:.75rem 0 .25rem}
input{box-sizing:border-box;width:100%;padding:.6rem;font:inherit;border:1px solid #697386;
border-radius:6px}
button{display:block;width:100%;margin:.75rem 0 0;padding:.7rem;font:inherit;font-weight:600;
border:1px solid #3b3f54;border-radius:6px;background:#fff;color:#1a1f36;cursor:pointer}
button.main{background:#4338ca;border-color:#4338ca;color:#fff}
a{color:#4338ca}
.alert{padding:.75rem;border:1px solid #b3261e;border-radius:6px;color:#8c1d18;background:#fdecea}
.test{margin:0 0 1rem;padding:.5rem .75rem;background:#fff4d6;border-radius:6px;color:#5c3c00}
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_WHOLE: Final = ("jpy", "krw")


def page(title: str, *body: str, goes_to: Iterable[str] = (), status: int = 200) -> web.Response:
    """Give a page whose forms may lead to these addresses, and nowhere else."""
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>"
        f'<p class="test">Sandbox: no money moves.</p><h1>{escape(title)}</h1>'
        f"{''.join(body)}</main></body></html>"
    )
    targets = " ".join(["'self'", *sorted({_origin(each) for each in goes_to if each})])
    headers = {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {targets}; "
            "base-uri 'none'; frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return web.Response(text=text, content_type="text/html", status=status, headers=headers)


def _origin(url: str) -> str:
    # Made of parsed parts only: a policy must not take text from outside.
    parts = urlsplit(url)
    host = (parts.hostname or "").encode("idna").decode("ascii")
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


@frozen(kw_only=True)
class Row:
    """A line of a table of amounts."""

    name: str
    amount: str
    total: bool = False


def table(rows: Sequence[Row]) -> str:
    """Give a table of amounts."""
    return f"<table><tbody>{''.join(map(_row, rows))}</tbody></table>"


def _row(row: Row) -> str:
    kind = ' class="total"' if row.total else ""
    name, amount = escape(row.name), escape(row.amount)
    return f'<tr{kind}><th scope="row">{name}</th><td>{amount}</td></tr>'


def form(action: str, *inside: str) -> str:
    """Give a form that posts to a path of ours."""
    return f'<form method="post" action="{escape(action)}">{"".join(inside)}</form>'


def button(label: str, *, main: bool = False, action: str = "") -> str:
    """Give a button, which may lead elsewhere than its form."""
    kind = ' class="main"' if main else ""
    leads = f' formaction="{escape(action)}"' if action else ""
    return f'<button type="submit"{kind}{leads}>{escape(label)}</button>'


def field(name: str, label: str, value: str = "", kind: str = "text") -> str:
    """Give a field with its label."""
    return (
        f'<label for="{name}">{escape(label)}</label>'
        f'<input id="{name}" name="{name}" type="{kind}" value="{escape(value)}" maxlength="500">'
    )


def alert(message: str) -> str:
    """Give an error that is read out."""
    return f'<p class="alert" role="alert">{escape(message)}</p>'


def paragraph(text: str) -> str:
    """Give a paragraph."""
    return f"<p>{escape(text)}</p>"


def link(url: str, label: str) -> str:
    """Give a link to an address that was checked before."""
    return f'<p><a href="{escape(url)}">{escape(label)}</a></p>'


def money(amount: int, currency: str) -> str:
    """Write an amount of minor units for people."""
    code = currency.upper()
    if currency in _WHOLE:
        return f"{amount:,} {code}"
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100:,}.{abs(amount) % 100:02} {code}"
