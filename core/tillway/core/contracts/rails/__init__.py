"""What every rail that takes proofs must pass: each law in the docstrings of ``ports.rails``.

Inherit ``RailContract`` in a test module and give it four fixtures:

``rail``
    The rail, started, closed again afterwards.
``product``
    Something that it sells.
``pay``
    An async function of an offer and an x402 version that gives the decoded payment header of a
    buyer who takes that offer: an envelope. Every call is another payment, and has its money.
``moved``
    An async function that gives what the seller has received so far, in minor units.

What is in ``Stage`` has defaults; a rail with a wire gives ``lose_reply`` and ``go_away`` too, or
those laws are skipped. A law on a port that the rail lacks is skipped as well.

Without a test module: ``pytest --tillway-rail=package:factory``, where the factory gives all of
this as a ``Scene``.
"""

from tillway.core.contracts.rails.capabilities import (
    BudgetLaws,
    BuildLaws,
    ExaminationLaws,
    HealthLaws,
    LifeLaws,
    PayerLaws,
)
from tillway.core.contracts.rails.checks import CheckLaws, SignLaws
from tillway.core.contracts.rails.faults import FaultLaws
from tillway.core.contracts.rails.finality import FinalityLaws
from tillway.core.contracts.rails.identities import IdentityLaws
from tillway.core.contracts.rails.offers import OfferLaws
from tillway.core.contracts.rails.reads import ReadLaws
from tillway.core.contracts.rails.scene import Scene
from tillway.core.contracts.rails.sends import SendLaws
from tillway.core.contracts.rails.stage import Envelope, Moved, Pay, Stage, Trial

__all__ = ["Envelope", "Moved", "Pay", "RailContract", "Scene", "Trial"]


class RailContract(
    OfferLaws,
    ReadLaws,
    IdentityLaws,
    CheckLaws,
    SignLaws,
    SendLaws,
    FaultLaws,
    FinalityLaws,
    PayerLaws,
    BuildLaws,
    BudgetLaws,
    HealthLaws,
    ExaminationLaws,
    LifeLaws,
    Stage,
):
    """All laws of a rail that takes proofs."""
