"""A provider of cards in memory that pays back too."""

from attrs import define, evolve, field

from support.cards import Cards
from tillway.core.errors import Code, Declined, TillwayError
from tillway.core.ports.hosting import PaidBack, PayBack, PayBackState


@define(kw_only=True)
class PayingBack(Cards):
    """Pays back once a reference. ``refusal`` is raised instead; ``unheard`` after it was done.

    ``comes_to`` is what becomes of a refund at once.
    """

    refusal: TillwayError | None = None
    unheard: TillwayError | None = None
    comes_to: PayBackState = PayBackState.DONE
    asked: list[PayBack] = field(factory=list)
    paid_back: dict[str, PaidBack] = field(factory=dict)

    async def pay_back(self, asked: PayBack) -> PaidBack:
        """Pay back; more than was paid is refused, as Stripe does."""
        self.asked.append(asked)
        if self.refusal is not None:
            raise self.refusal
        known = self.paid_back.get(asked.reference)
        if known is None:
            known = self._paid(asked)
        if self.unheard is not None:
            raise self.unheard
        return known

    async def find_pay_back(self, payment: str, reference: str) -> PaidBack | None:
        """Give the refund of a reference."""
        return self.paid_back.get(reference)

    def ends(self, reference: str, state: PayBackState) -> PaidBack:
        """Have a refund that is on its way come to an end."""
        ended = self.paid_back[reference] = evolve(self.paid_back[reference], state=state)
        return ended

    def sent(self) -> int:
        """Tell what has gone back or is on its way, in cents."""
        some = (each for each in self.paid_back.values() if each.state is not PayBackState.FAILED)
        return sum(each.amount.minor for each in some)

    def _paid(self, asked: PayBack) -> PaidBack:
        session = next(each for each in self.sessions.values() if each.payment == asked.payment)
        parts = (session.amount, session.tax, session.shipping)
        charged = sum(part.minor for part in parts if part is not None)
        if self.sent() + asked.amount.minor > charged:
            raise Declined(Code.STRIPE_ERROR, "greater than the unrefunded amount")
        made = PaidBack(
            id=f"re_{len(self.paid_back) + 1}",
            amount=asked.amount,
            state=self.comes_to,
            reference=asked.reference,
        )
        self.paid_back[asked.reference] = made
        return made
