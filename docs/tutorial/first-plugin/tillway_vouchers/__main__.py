"""Issue vouchers: ``python -m tillway_vouchers vouchers.db 12.50 USD --count 3``."""

from argparse import ArgumentParser
from pathlib import Path

from tillway.core.assets import BUILT_IN
from tillway.core.money import Money

from tillway_vouchers.book import Book


def main() -> None:
    """Write the vouchers and print their codes, one a line."""
    parser = ArgumentParser(prog="tillway_vouchers", description="Issue vouchers.")
    parser.add_argument("file", type=Path, help="the book of all vouchers")
    parser.add_argument("worth", help="what each is worth, such as 12.50")
    parser.add_argument("asset", help="in which currency, such as USD")
    parser.add_argument("--count", type=int, default=1, help="how many")
    given = parser.parse_args()
    worth = Money.from_major(given.worth, BUILT_IN.by_code(given.asset))
    book = Book(given.file)
    book.create()
    for _ in range(given.count):
        print(book.issue(worth.minor, worth.asset.code))


main()
