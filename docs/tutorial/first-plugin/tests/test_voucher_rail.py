import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest
from attrs import frozen
from tillway.core.assets import USD
from tillway.core.catalog import Product
from tillway.core.contracts.rails import Envelope, Moved, Pay, RailContract, Trial
from tillway.core.errors import Code, Declined
from tillway.core.ids import ProductId
from tillway.core.money import Money
from tillway.core.payments import Failed
from tillway.core.ports.rails import Offer

from tillway_vouchers.book import Book
from tillway_vouchers.rail import VoucherRail


@frozen
class ForgetfulBook(Book):
    """A book that writes, and whose answer is lost."""

    def spend(self, digest: str) -> bool:
        super().spend(digest)
        raise sqlite3.OperationalError("disk I/O error")


class TestVouchers(RailContract):
    """The rail keeps every law of Tillway's rails."""

    @pytest.fixture
    def book(self, tmp_path: Path) -> Book:
        return Book(tmp_path / "vouchers.db")

    @pytest.fixture
    async def rail(self, book: Book) -> AsyncIterator[VoucherRail]:
        rail = VoucherRail(book=book, issuer="The Mug Shop")
        await rail.start()
        yield rail
        await rail.aclose()

    @pytest.fixture
    def twin(self, book: Book) -> VoucherRail:
        return VoucherRail(book=book, issuer="The Mug Shop")

    @pytest.fixture
    def product(self) -> Product:
        return Product(id=ProductId("mug"), fiat_price=Money(1250, USD))

    @pytest.fixture
    def pay(self, book: Book) -> Pay:
        async def pay(offer: Offer, version: int) -> Envelope:
            amount = offer.quote.amount
            code = book.issue(amount.minor, amount.asset.code)
            accepted = dict(offer.accepts[version][0])
            return {"x402Version": version, "accepted": accepted, "payload": {"code": code}}

        return pay

    @pytest.fixture
    def moved(self, book: Book) -> Moved:
        async def moved() -> int:
            with closing(sqlite3.connect(book.path)) as file:
                total = "SELECT total(worth) FROM vouchers WHERE spent_at IS NOT NULL"
                return int(file.execute(total).fetchone()[0])

        return moved

    @pytest.fixture
    def retold(self) -> Callable[[Envelope], Sequence[Envelope]]:
        def retold(envelope: Envelope) -> Sequence[Envelope]:
            payload = envelope["payload"]
            assert isinstance(payload, dict)
            code = payload["code"]
            grouped = "-".join(code[place : place + 4] for place in range(0, len(code), 4))
            return [{**envelope, "payload": {"code": text}} for text in (code.lower(), grouped)]

        return retold

    @pytest.fixture
    def lose_reply(
        self, rail: VoucherRail, book: Book
    ) -> Callable[[], AbstractContextManager[None]]:
        @contextmanager
        def lose_reply() -> Iterator[None]:
            rail.book = ForgetfulBook(book.path)
            yield
            rail.book = book

        return lose_reply

    @pytest.fixture
    def go_away(self, rail: VoucherRail, book: Book) -> Callable[[], AbstractContextManager[None]]:
        @contextmanager
        def go_away() -> Iterator[None]:
            rail.book = Book(book.path / "not a folder" / "vouchers.db")
            yield
            rail.book = book

        return go_away

    async def test_a_voucher_that_nobody_issued_is_declined(self, trial: Trial) -> None:
        paid = await trial.paid()
        code = {"code": "A" * 26}
        proof = trial.read({**paid.envelope, "payload": code})
        with pytest.raises(Declined) as caught:
            await trial.rail.check(proof, paid.quote)
        assert caught.value.code is Code.INVALID_PAYMENT_PROOF

    async def test_a_voucher_that_was_withdrawn_has_failed(self, trial: Trial, book: Book) -> None:
        signed = await trial.sign(await trial.paid())
        with closing(sqlite3.connect(book.path)) as file, file:
            file.execute("DELETE FROM vouchers")
        assert isinstance(await trial.send(signed), Failed)
        assert isinstance(await trial.look(signed), Failed)

    async def test_codes_are_written_nowhere(self, trial: Trial, book: Book) -> None:
        paid = await trial.paid()
        code = paid.proof.payload
        signed = await trial.sign(paid)
        assert code not in book.path.read_bytes()
        assert code not in signed.payload
        assert code.decode() not in repr((paid.proof, signed))
