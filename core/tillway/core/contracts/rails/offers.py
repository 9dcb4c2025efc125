"""The laws of offering: priced things are sold, and what is offered can be paid."""

import json
from collections.abc import Mapping
from typing import Final

import pytest

from tillway.core.catalog import Product
from tillway.core.contracts.rails.stage import SHOWN, Trial, sealed_of
from tillway.core.payments import Settled
from tillway.core.ports.rails import Offers
from tillway.core.quotes import Quote

_TEXTS: Final = ("scheme", "network", "asset", "payTo")
_OLDER: Final = (*_TEXTS, "maxAmountRequired", "resource", "description", "mimeType")

REQUIRED: Final[Mapping[int, tuple[str, ...]]] = {0: _OLDER, 1: _OLDER, 2: (*_TEXTS, "amount")}
"""Members that must be texts, by x402 version; clients refuse an offer without one of them."""

AMOUNT: Final[Mapping[int, str]] = {
    0: "maxAmountRequired",
    1: "maxAmountRequired",
    2: "amount",
}


@pytest.mark.asyncio
class OfferLaws:
    """``Offers``: ``sells`` and ``offer``."""

    async def test_it_has_a_name_and_a_method(self, trial: Trial) -> None:
        """Both are words, and the rail has the port."""
        assert isinstance(trial.rail, Offers)
        assert trial.rail.name
        assert trial.rail.method

    async def test_what_it_has_a_price_for_is_sold(self, trial: Trial) -> None:
        """Somewhere, for a positive amount, and the same at every asking."""
        found = trial.rail.sells(trial.product)
        assert found is not None
        assert found.network
        assert found.pay_to
        assert found.price.minor > 0
        assert trial.rail.sells(trial.product) == found

    async def test_what_it_has_no_price_for_is_not_sold(
        self, trial: Trial, unsold: Product
    ) -> None:
        """None, and no exception."""
        assert trial.rail.sells(unsold) is None

    async def test_an_offer_names_its_rail_and_its_quote(self, trial: Trial) -> None:
        """It has at least one way to pay, each of a version that there is."""
        quote = trial.quote()
        offer = trial.offer(quote)
        assert (offer.rail, offer.quote) == (trial.rail.name, quote)
        assert offer.accepts
        assert offer.accepts.keys() <= REQUIRED.keys()
        assert all(requirements for requirements in offer.accepts.values())

    async def test_an_offer_is_ready_for_json(self, trial: Trial) -> None:
        """It can be written, and nothing of it is lost on the way."""
        for requirements in trial.offer(trial.quote()).accepts.values():
            written = json.dumps(list(requirements), allow_nan=False, ensure_ascii=False)
            assert written.encode()
            assert json.loads(written) == list(requirements)

    async def test_each_version_has_what_its_clients_require(self, trial: Trial) -> None:
        """Every required member is a text, the lifetime a number, the amount the quote's."""
        quote = trial.quote()
        for version, requirements in trial.offer(quote).accepts.items():
            for requirement in requirements:
                _require_members(version, requirement, quote)

    async def test_version_one_has_no_empty_members(self, trial: Trial) -> None:
        """The oldest clients refuse null, and want the address as the client asked for it."""
        for requirement in trial.offer(trial.quote()).accepts.get(1, ()):
            assert None not in requirement.values()
            assert requirement["resource"] == SHOWN.url

    async def test_version_two_has_the_sealed_quote_where_it_is_echoed(self, trial: Trial) -> None:
        """In ``extra``: clients drop other members that they do not know."""
        quote = trial.quote()
        for requirement in trial.offer(quote).accepts.get(2, ()):
            assert requirement["network"] == quote.network
            extra = requirement["extra"]
            assert isinstance(extra, Mapping)
            assert sealed_of(quote) in extra.values()

    async def test_offering_is_pure(self, trial: Trial) -> None:
        """A hundred offers of one quote say the same and move nothing."""
        quote, before = trial.quote(), await trial.moved()
        first = trial.offer(quote)
        for _ in range(100):
            last = trial.offer(quote)
        for version in first.accepts.keys() & last.accepts.keys():
            assert _terms(last.accepts[version][0]) == _terms(first.accepts[version][0])
        assert await trial.moved() == before

    async def test_every_version_offered_can_be_paid(self, trial: Trial) -> None:
        """From the offer to the money, which is exactly the price."""
        for version in trial.versions():
            before, paid = await trial.moved(), await trial.paid(version)
            assert isinstance(await trial.send(await trial.sign(paid)), Settled)
            assert await trial.moved() == before + paid.price


def _require_members(version: int, requirement: Mapping[str, object], quote: Quote) -> None:
    for name in REQUIRED[version]:
        assert isinstance(requirement.get(name), str), f"version {version} needs {name}"
    assert requirement[AMOUNT[version]] == str(quote.amount.minor)
    seconds = requirement["maxTimeoutSeconds"]
    assert isinstance(seconds, int)
    assert seconds > 0


def _terms(requirement: Mapping[str, object]) -> Mapping[str, object]:
    """Leave out what may differ between clients of one rail: which wallet pays the fee."""
    return {name: value for name, value in requirement.items() if name != "extra"}
