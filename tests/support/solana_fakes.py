"""A chain and wallets that answer what a test has put into them, and remember what was asked."""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime

from attrs import define, field
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature

from support.transactions import (
    BLOCKHASH,
    ISSUED_AT,
    NETWORK,
    OTHER_SPONSOR,
    PAYER,
    PRICE,
    SELLER,
    SPONSOR,
    mint_of,
    program_of,
)
from tillway.adapters.x402.answers import (
    Account,
    Blockhash,
    Landed,
    Level,
    Simulation,
    Status,
    Statuses,
)
from tillway.adapters.x402.check import Checker
from tillway.adapters.x402.config import RailConfig, Sponsoring
from tillway.adapters.x402.heights import Heights
from tillway.adapters.x402.offer import Offering
from tillway.adapters.x402.owners import Owners
from tillway.adapters.x402.sponsors import Budget, Signers
from tillway.core.assets import PYUSD, SOL, USDC, Asset
from tillway.core.ports.rails import Shown

BALANCE = 1_000_000


def token_account_bytes(
    owner: Pubkey = PAYER, asset: Asset = USDC, amount: int = BALANCE
) -> Account:
    """Give an initialised token account."""
    data = mint_of(asset) + bytes(owner) + struct.pack("<Q", amount)
    filled = data.ljust(108, b"\0") + b"\x01"
    return Account(
        owner=Pubkey(program_of(asset)), lamports=2_039_280, data=filled.ljust(165, b"\0")
    )


def alive(amount: int = PRICE, asset: Asset = USDC) -> Simulation:
    """Give the answer for a payment that would work."""
    after = token_account_bytes(asset=asset, amount=BALANCE - amount)
    return Simulation(
        err=None,
        logs=(),
        units=700,
        slot=400,
        accounts=(after, token_account_bytes(SELLER, asset, amount)),
    )


def failing(err: object, *logs: str) -> Simulation:
    """Give the answer for a payment that would not work."""
    return Simulation(err=err, logs=logs, units=0, slot=400, accounts=(None, None))


def known_heights() -> Heights:
    """Give heights at slot 400, block 380."""
    heights = Heights(clock=FakeClock())
    heights.saw_blockhash(Blockhash(hash=BLOCKHASH, last_valid_height=530, slot=400))
    return heights


@define
class FakeChain:
    """A chain of fixed answers."""

    simulation: Simulation = field(factory=alive)
    landed: Landed | None = None
    status: Status | None = None
    run: bool = False
    held: dict[Pubkey, Account] = field(factory=dict)
    heights: Heights = field(factory=known_heights)
    asked: list[str] = field(factory=list)
    looked_up: list[Signature] = field(factory=list)

    async def simulate(self, raw: bytes, accounts: Sequence[Pubkey] = ()) -> Simulation:
        """Give the fixed simulation."""
        self.asked.append("simulate")
        return self.simulation

    async def accounts(self, keys: Sequence[Pubkey]) -> tuple[Account | None, ...]:
        """Give the accounts held."""
        self.asked.append("accounts")
        return tuple(self.held.get(key) for key in keys)

    async def statuses(self, signatures: Sequence[Signature], *, history: bool) -> Statuses:
        """Give the fixed status."""
        self.asked.append("statuses")
        self.looked_up.extend(signatures)
        return Statuses(slot=400, values=tuple(self.status for _ in signatures))

    async def transaction(self, signature: Signature) -> Landed | None:
        """Give the fixed landing."""
        self.asked.append("transaction")
        self.looked_up.append(signature)
        return self.landed

    async def has_run(self, signature: Signature) -> bool:
        """Tell what was set."""
        self.asked.append("has run")
        self.looked_up.append(signature)
        return self.run

    async def know_heights(self) -> Heights:
        """Give the fixed heights."""
        return self.heights

    async def latest_blockhash(self) -> Blockhash:
        """Give the fixed blockhash."""
        return Blockhash(hash=BLOCKHASH, last_valid_height=530, slot=400)


@define
class FakeWallets:
    """Wallets that are healthy while they are listed as such."""

    pairs: tuple[Keypair, ...] = (SPONSOR, OTHER_SPONSOR)
    healthy: list[Keypair] = field(factory=lambda: [SPONSOR, OTHER_SPONSOR])
    turn: int = -1

    @property
    def addresses(self) -> tuple[Pubkey, ...]:
        """All of them."""
        return tuple(pair.pubkey() for pair in self.pairs)

    def get(self, key: Pubkey) -> Keypair | None:
        """Find one."""
        return next((pair for pair in self.pairs if pair.pubkey() == key), None)

    def next_address(self) -> Pubkey | None:
        """Give healthy ones in turn."""
        if not self.healthy:
            return None
        self.turn += 1
        return self.healthy[self.turn % len(self.healthy)].pubkey()


@define
class FakeClock:
    """A clock at the quotes' time of issue."""

    seconds: float = ISSUED_AT

    def now(self) -> datetime:
        """Give the time that was set."""
        return datetime.fromtimestamp(self.seconds, UTC)

    async def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.seconds += seconds


def config_of(
    sponsoring: Sponsoring | None = None,
    *,
    gasless: bool = True,
    compute_unit_limit: int = 200_000,
    compute_unit_price: int = 1,
) -> RailConfig:
    """Give the tests' configuration: one legacy token, one of Token-2022, wrapped SOL."""
    return RailConfig(
        network=NETWORK,
        payment_address=str(SELLER),
        assets=(USDC, PYUSD, SOL),
        gasless=gasless,
        sponsoring=sponsoring or Sponsoring(),
        compute_unit_limit=compute_unit_limit,
        compute_unit_price=compute_unit_price,
    )


def checker_of(chain: FakeChain, sponsoring: Sponsoring | None = None) -> Checker:
    """Give a checker on a fake chain with two wallets."""
    return Checker(config=config_of(sponsoring), chain=chain, sponsors=Signers(FakeWallets()))


def confirmed(err: object | None = None, slot: int = 390) -> Status:
    """Give the status of a confirmed transaction."""
    return Status(slot=slot, err=err, level=Level.CONFIRMED)


SHOWN = Shown(url="http://shop.test/paywall/article", description="An article")


def offering_of(
    wallets: FakeWallets | None = None,
    sponsoring: Sponsoring | None = None,
    chain: FakeChain | None = None,
    *,
    gasless: bool = True,
) -> Offering:
    """Give an offering on a fake chain, by default with two healthy wallets."""
    config = config_of(sponsoring, gasless=gasless)
    clock = FakeClock()
    return Offering(
        config=config,
        sponsors=Signers(wallets or FakeWallets()),
        budget=Budget(limits=config.sponsoring, clock=clock),
        owners=Owners(chain=chain or FakeChain(), clock=clock),
        rail="x402",
    )
