"""QR codes, as markup that stands in the page itself."""

import io

import segno

from tillway.entrypoints.paywall.page.html import Html

_QUIET = 4
"""Light modules around the code, as ISO/IEC 18004 wants them."""


def qr_code(content: str) -> Html:
    """Draw a text as an SVG without a size of its own."""
    out = io.BytesIO()
    segno.make(content, error="m", micro=False).save(
        out,
        kind="svg",
        border=_QUIET,
        light="#fff",
        omitsize=True,
        xmldecl=False,
        svgns=False,
        svgclass=None,
        lineclass=None,
        nl=False,
    )
    return Html(out.getvalue().decode())
