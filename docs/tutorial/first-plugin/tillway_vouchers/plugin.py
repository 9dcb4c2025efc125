"""The door: what the gateway reads at start-up. It imports the rail only when it is wanted."""

from collections.abc import Sequence
from pathlib import Path

from attrs import frozen
from tillway.core.ports.rails import Offers
from tillway.plugins.context import Context
from tillway.plugins.hooks import hookimpl
from tillway.plugins.plugin import Kind, Plugin
from tillway.plugins.rules import not_blank
from tillway.plugins.setting import setting


@frozen(kw_only=True)
class VoucherSettings:
    """Prepaid vouchers."""

    issuer: str = setting(rules=(not_blank,), doc="Who redeems the vouchers, as buyers see it.")
    file: str = setting(default="vouchers.db", doc="The book of all vouchers, an SQLite file.")


PLUGIN = Plugin(
    kind=Kind.RAIL,
    name="voucher",
    summary="prepaid vouchers, spent whole and once",
    section="voucher",
    settings=VoucherSettings,
)


@hookimpl
def tillway_rails(context: Context) -> Sequence[Offers]:
    """Give the rail; the book is opened when the gateway starts."""
    from tillway_vouchers.book import Book
    from tillway_vouchers.rail import VoucherRail

    settings = context.section("voucher", VoucherSettings)
    return [VoucherRail(book=Book(Path(settings.file)), issuer=settings.issuer)]
