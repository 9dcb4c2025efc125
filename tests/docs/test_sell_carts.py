"""The guide to carts does what it says, in a sandbox."""

import re
import shutil
from pathlib import Path

import orjson
import pytest

from support.guides import Reader
from support.pages import DOCS, Page

PAGE = Page(DOCS / "how-to" / "sell-carts.md")


@pytest.mark.skipif(shutil.which("curl") is None, reason="the guide uses curl")
class TestCommands:
    def test_each_does_what_the_page_says(self, someone: Reader, tmp_path: Path) -> None:
        """In the page's order: quoted, paid with tokens, paid by card, looked at."""
        blocks = [block.code for block in PAGE.blocks() if block.language == "sh"]
        quoted, paid, checkout, shown = [someone.types(each, tmp_path) for each in blocks]

        quote, opened, state = orjson.loads(quoted), orjson.loads(checkout), orjson.loads(shown)
        assert quote["totalAmount"] == 39.32
        assert quote["metadata"]["coupon_codes"] == "SAVE20"
        assert "settled on chain" in paid
        assert opened["sessionId"].startswith("cs_test_")
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/c/pay/cs_test_\w+.*", opened["url"])
        assert opened["totalItems"] == 2
        assert (state["cartId"], state["status"]) == (quote["cartId"], "paid")
