"""The rail: payments in tokens on Solana, by every version of x402."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import define, field
from solders.keypair import Keypair

from tillway.adapters.x402.addresses import account_of
from tillway.adapters.x402.build import Builder
from tillway.adapters.x402.check import Checker
from tillway.adapters.x402.config import RailConfig
from tillway.adapters.x402.dialects import envelope
from tillway.adapters.x402.doctor import examine
from tillway.adapters.x402.finality import Finality
from tillway.adapters.x402.history import History
from tillway.adapters.x402.links import Links
from tillway.adapters.x402.offer import Offering
from tillway.adapters.x402.owners import Owners
from tillway.adapters.x402.payout import Payout, PayoutLimits
from tillway.adapters.x402.payout_doctor import examine_payout
from tillway.adapters.x402.programs import address, is_address, written
from tillway.adapters.x402.provision import Wanted
from tillway.adapters.x402.rpc import Rpc
from tillway.adapters.x402.settle import fee_payer
from tillway.adapters.x402.sign import Signer
from tillway.adapters.x402.sponsors import Budget, Signers
from tillway.adapters.x402.wallets import Wallets
from tillway.adapters.x402.words import is_signed
from tillway.core.catalog import Product
from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.payments import Missing, Outcome, Reservation, Word
from tillway.core.ports.chains import Movement, Recent
from tillway.core.ports.clock import Clock
from tillway.core.ports.elsewhere import Link
from tillway.core.ports.rails import (
    Built,
    Checked,
    Destination,
    Finding,
    Identity,
    Offer,
    Proof,
    RailHealth,
    Sends,
    Shown,
    Signed,
    Starts,
)
from tillway.core.quotes import Quote
from tillway.core.tenancy import Tenant

NAME: Final = "x402"
HEALTH_SECONDS: Final = 2.0

_log = logging.getLogger(__name__)


@define(kw_only=True)
class SolanaRail:
    """Offers, reads, checks, sends and builds; all verbs keep the laws of the core's ports.

    ``parts`` have work of their own (connections, wallets, confirmations): they are started in
    order and closed in reverse.
    """

    config: RailConfig
    rpc: Rpc = field(repr=False)
    wallets: Wallets = field(repr=False)
    sender: Sends = field(repr=False)
    clock: Clock = field(repr=False)
    parts: Sequence[Starts] = field(default=(), repr=False)
    refund_key: Keypair | None = field(default=None, repr=False)
    refund_limits: PayoutLimits | None = None
    name: str = NAME
    method: str = NAME
    budget: Budget = field(init=False, repr=False)
    owners: Owners = field(init=False, repr=False)
    _signers: Signers = field(init=False, repr=False)
    _checker: Checker = field(init=False, repr=False)
    _signer: Signer = field(init=False, repr=False)
    _offering: Offering = field(init=False, repr=False)
    _builder: Builder = field(init=False, repr=False)
    _links: Links = field(init=False, repr=False)
    _finality: Finality = field(init=False, repr=False)
    _payout: Payout | None = field(init=False, repr=False)
    _begun: bool = field(default=False, init=False, repr=False)
    _started: list[Starts] = field(factory=list, init=False, repr=False)

    @budget.default
    def _make_budget(self) -> Budget:
        return Budget(limits=self.config.sponsoring, clock=self.clock)

    @owners.default
    def _make_owners(self) -> Owners:
        return Owners(chain=self.rpc, clock=self.clock)

    @_signers.default
    def _make_signers(self) -> Signers:
        return Signers(self.wallets)

    @_checker.default
    def _make_checker(self) -> Checker:
        return Checker(config=self.config, chain=self.rpc, sponsors=self._signers)

    @_signer.default
    def _make_signer(self) -> Signer:
        return Signer(
            config=self.config,
            chain=self.rpc,
            sponsors=self._signers,
            budget=self.budget,
            also=self._of_payouts,
        )

    @_payout.default
    def _make_payout(self) -> Payout | None:
        if self.refund_key is None or self.refund_limits is None:
            return None
        return Payout(
            key=self.refund_key, limits=self.refund_limits, builder=self._builder, rail=self.name
        )

    def _of_payouts(self, checked: Checked) -> tuple[Reservation, ...]:
        """Give what a payment from the wallet for refunds takes of its limits."""
        payout, quote = self._payout, checked.quote
        if payout is None or checked.identity.payer != payout.address:
            return ()
        return (payout.reservation(quote.amount, quote.tenant, self.clock.now()),)

    @_offering.default
    def _make_offering(self) -> Offering:
        return Offering(
            config=self.config,
            sponsors=self._signers,
            budget=self.budget,
            owners=self.owners,
            rail=self.name,
        )

    @_builder.default
    def _make_builder(self) -> Builder:
        return Builder(config=self.config, chain=self.rpc, offering=self._offering)

    @_links.default
    def _make_links(self) -> Links:
        return Links(config=self.config, chain=self.rpc, offering=self._offering, rail=self.name)

    @_finality.default
    def _make_finality(self) -> Finality:
        return Finality(self.rpc, self._is_sponsored)

    def _is_sponsored(self, signed: Signed) -> bool:
        return self.wallets.pays(fee_payer(signed.payload))

    # Offers

    def sells(self, product: Product) -> Destination | None:
        """Tell where the money for a product goes: its own token account, or our wallet's.

        None without a crypto price in a token of the allow-list.
        """
        price = product.crypto_price
        if price is None or price.asset.code not in self.config.tokens:
            return None
        pay_to = product.crypto_account or self.config.payment_address
        return Destination(network=self.config.caip2, pay_to=pay_to, price=price)

    def offer(self, quote: Quote, sealed: str, authenticator: str, shown: Shown) -> Offer:
        """Write the offer in every version whose clients can pay it."""
        return self._offering.offer(quote, sealed, authenticator, shown)

    def budget_names(self) -> tuple[str, ...]:
        """Name the totals that limit sponsoring in the present hour, for ``learn_budget``."""
        return tuple(self.budget.name_of(wallet) for wallet in sorted(self._signers.addresses))

    def learn_budget(self, tenant: Tenant, totals: Mapping[str, int]) -> None:
        """Take over a tenant's totals as the store has them, so that offers keep within them."""
        self.budget.learn(tenant, totals)

    # Reads, checks, sends, builds

    def read(self, payment: Mapping[str, object]) -> Proof | None:
        """Read a decoded payment payload; None if version, scheme or network is another's."""
        return envelope.read(payment, self.config.network, self.name)

    def identify(self, proof: Proof) -> Identity:
        """Compute which payment this is."""
        return self._checker.identify(proof)

    async def check(self, proof: Proof, quote: Quote) -> Checked:
        """Refuse what does not pay exactly this quote."""
        return await self._checker.check(proof, quote)

    async def sign(self, checked: Checked) -> Signed:
        """Add our signature where one is due."""
        return await self._signer.sign(checked)

    async def send(self, signed: Signed) -> Outcome:
        """Send exactly these bytes and wait for the chain's word."""
        return await self.sender.send(signed)

    async def look(self, signed: Signed) -> Outcome:
        """Look up what became of the bytes."""
        return await self.sender.look(signed)

    async def standing(self, signed: Sequence[Signed]) -> Sequence[Outcome | Missing]:
        """Look up how payments that have settled stand now."""
        return await self._finality.standing(signed)

    async def build(
        self, quote: Quote, payer: str, sponsor: str | None, authenticator: str, shown: Shown
    ) -> Built:
        """Build a transaction that our wallet pays the fee of."""
        return await self._builder.build(quote, payer, sponsor, authenticator, shown)

    async def build_own(self, quote: Quote, payer: str, authenticator: str, shown: Shown) -> Built:
        """Build a transaction that the buyer pays the fee of."""
        return await self._builder.build_own(quote, payer, authenticator, shown)

    def link(self, quote: Quote, authenticator: str, shown: Shown) -> Link | None:
        """Write the link by which wallets pay by themselves."""
        return self._links.link(quote, authenticator, shown)

    async def found(self, quote: Quote, sealed: str, authenticator: str) -> Sequence[Proof]:
        """Find what was paid by such a link."""
        return await self._links.found(quote, sealed, authenticator)

    def has_signed(self, word: Word) -> bool:
        """Verify a wallet's signature, in base64, over a message."""
        return is_signed(word)

    def account_of(self, owner: str, mint: str) -> str:
        """Give the associated token account, under the program of a token that we know."""
        return account_of(owner, mint, self.config.tokens.values())

    async def recent(self) -> Recent:
        """Give the newest blockhash, at most a second old."""
        known = self.rpc.known_blockhash()
        latest = known or await self.rpc.latest_blockhash()
        return Recent(
            blockhash=str(latest.hash),
            last_valid_height=latest.last_valid_height,
            cached=known is not None,
        )

    def is_payer(self, name: str) -> bool:
        """Tell whether a text is a wallet's address."""
        return is_address(name)

    def movements(self, places: Collection[str], since: datetime | None) -> AsyncIterator[Movement]:
        """Go through what moved on our token accounts."""
        return History(config=self.config, rpc=self.rpc).movements(places, since)

    # Paying out

    def pays_from(self) -> str | None:
        """Name the wallet for refunds, if one is configured."""
        return None if self._payout is None else self._payout.address

    async def write_payout(
        self, quote: Quote, sealed: str, authenticator: str, shown: Shown
    ) -> Proof:
        """Write and sign what pays a refund from that wallet."""
        if self._payout is None:
            raise Declined(Code.CONFIG_ERROR, "x402.refund_wallet is not set")
        return await self._payout.proof(quote, sealed, authenticator, shown)

    # Health, starting, closing

    async def health(self) -> RailHealth:
        """Ask a node for its slot, two seconds at most; wallets are told from memory."""
        return RailHealth(
            reachable=await self._is_reachable(),
            wallets=self.wallets.health(),
            features=self._features(),
            facts=self._facts(),
        )

    async def _is_reachable(self) -> bool:
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                await self.rpc.slot()
        except (Unavailable, TimeoutError) as away:
            _log.warning("no Solana node answers: %s", away)
            return False
        return True

    def _features(self) -> tuple[str, ...]:
        named = {
            "gasless": self.config.gasless and bool(self._signers.addresses),
            "auto-create-token-accounts": self.config.auto_create_token_account,
        }
        return tuple(name for name, present in named.items() if present)

    def _facts(self) -> Mapping[str, str]:
        mint = next((written(token.mint) for token in self.config.tokens.values()), "")
        return {
            "network": self.config.network.value,
            "paymentAddress": self.config.payment_address,
            "tokenMint": mint,
        }

    async def examine(self, products: Sequence[Product]) -> Sequence[Finding]:
        """Look at the nodes, the accounts that these products are paid into, and the wallets."""
        wanted = {one: None for product in products if (one := self._wanted(product))}
        found = await examine(
            self.rpc,
            self.wallets,
            network=self.config.network,
            accounts=tuple(wanted),
            creates=self.config.auto_create_token_account,
        )
        if self._payout is None:
            return found
        tokens = tuple(self.config.tokens.values())
        return (*found, await examine_payout(self.rpc, self._payout, tokens))

    def _wanted(self, product: Product) -> Wanted | None:
        destination = self.sells(product)
        if destination is None:
            return None
        token = self.config.tokens[destination.price.asset.code]
        account = address(product.crypto_account) if product.crypto_account else None
        return Wanted(
            owner=self.config.owner, mint=token.mint, program=token.program, account=account
        )

    async def start(self) -> None:
        """Start the parts in order; what was started is closed again if one fails."""
        self._begun = True
        try:
            for part in (*self.parts, self.owners):
                self._started.append(part)
                await part.start()
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Close in reverse order of starting. A repeat does nothing."""
        if not self._begun:
            # Examining opens connections without any start.
            self._begun, self._started = True, [*self.parts]
        while self._started:
            await self._started.pop().aclose()
