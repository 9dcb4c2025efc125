"""What the gateway may spend on its buyers' network fees."""

from decimal import Decimal

from attrs import frozen

from tillway.plugins.rules import between, not_negative, positive
from tillway.plugins.setting import setting

MOST_UNITS = 1_400_000
"""A transaction's limit of compute units, by Solana's runtime."""


@frozen(kw_only=True)
class Sponsor:
    """The budget for sponsored transactions: what one may cost, and all of an hour."""

    max_compute_units: int = setting(
        default=400_000,
        rules=(between(1, MOST_UNITS),),
        doc="The most compute units that a transaction which we sponsor may ask for.",
    )
    max_microlamports_per_unit: int = setting(
        default=50_000,
        rules=(between(0, 5_000_000),),
        doc="The highest price of a compute unit in a transaction which we sponsor.",
    )
    max_lamports: int = setting(
        default=30_000,
        rules=(not_negative,),
        doc="The most lamports that the network may take for such a transaction, fees for "
        "signatures included.",
    )
    lamports_per_hour: int = setting(
        default=100_000_000,
        rules=(not_negative,),
        doc="What each sponsor wallet spends in an hour at most, per tenant. When it is used up, "
        "gasless offers stop; 0 never offers one.",
    )
    landed_failures_per_hour: int = setting(
        default=5,
        rules=(not_negative,),
        doc="After so many sponsored transactions that failed on chain, a buyer pays his own fee.",
    )
    sol_usd: Decimal | None = setting(
        default=None,
        rules=(positive,),
        doc="The price of a SOL in dollars. When set, nothing is sponsored whose price is below "
        "`minimum_cost_multiple` times its fee.",
    )
    minimum_cost_multiple: Decimal = setting(
        default=Decimal(2),
        rules=(positive,),
        doc="How many times its network fee a sponsored payment must be worth; needs `sol_usd`.",
    )
    exclusive: bool = setting(
        default=True,
        doc="No other gateway has our sponsor keys. Set it to false where one has: then payments "
        "without our memo are refused.",
    )
