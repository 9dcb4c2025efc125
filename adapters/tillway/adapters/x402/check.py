"""Refuse everything that can be refused before money moves."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol, Self

from attrs import define, evolve, field, frozen
from solders.pubkey import Pubkey
from solders.signature import Signature

from tillway.adapters.x402 import memo, selfpaid, sponsored
from tillway.adapters.x402.accounts import TokenAccount, read_token_account, token_account
from tillway.adapters.x402.answers import Account, Landed, Simulation
from tillway.adapters.x402.config import RailConfig
from tillway.adapters.x402.destinations import Expected, expected_of
from tillway.adapters.x402.dialects import v0
from tillway.adapters.x402.landing import (
    Chain,
    is_of_past,
    not_shown,
    refusal_of_past,
    refusal_of_time,
    require_paid,
)
from tillway.adapters.x402.networks import chain_of
from tillway.adapters.x402.programs import address, written
from tillway.adapters.x402.reasons import Reason, refused
from tillway.adapters.x402.rules import refusal_of_amount
from tillway.adapters.x402.simulation import refusal_of
from tillway.adapters.x402.sponsors import Sponsors, is_worth_sponsoring
from tillway.adapters.x402.transaction import Transaction, decode
from tillway.adapters.x402.transfer import Transfer, transfers
from tillway.core.errors import Code, Declined
from tillway.core.payments import Chain as ChainName
from tillway.core.payments import Failed
from tillway.core.ports.rails import Checked, Identity, Proof
from tillway.core.quotes import Purpose, Quote


class Simulates(Chain, Protocol):
    """A chain that can try a transaction without running it."""

    async def simulate(self, raw: bytes, accounts: Sequence[Pubkey] = ()) -> Simulation:
        """Run it without checking signatures; give the state of the accounts after it."""
        ...

    async def accounts(self, keys: Sequence[Pubkey]) -> tuple[Account | None, ...]:
        """Give at most 100 accounts in the order asked."""
        ...


@frozen(kw_only=True)
class Verified:
    """What checking found out and signing needs.

    ``sponsor`` is our wallet that pays the fee of ``lamports``, None if the buyer pays it.
    ``balance`` is the source account's before the transfer; None if nobody needs it any more.
    ``owner`` is the wallet that the source account belongs to: the authority over a transfer may
    be its delegate.
    """

    transaction: Transaction
    transfer: Transfer
    sponsor: bytes | None
    lamports: int
    owner: bytes | None = None
    balance: int | None = None

    def of(self, owner: bytes, balance: int | None = None) -> Self:
        """Give the same with what is known of the source account."""
        return type(self)(
            transaction=self.transaction,
            transfer=self.transfer,
            sponsor=self.sponsor,
            lamports=self.lamports,
            owner=owner,
            balance=balance,
        )


@define(kw_only=True)
class Checker:
    """The rules, then one simulation."""

    config: RailConfig
    chain: Simulates
    sponsors: Sponsors = field(repr=False)
    _receiving: frozenset[bytes] = field(init=False, repr=False)

    @_receiving.default
    def _own_accounts(self) -> frozenset[bytes]:
        owner, tokens = self.config.owner, self.config.tokens.values()
        return frozenset(token_account(owner, token.mint, token.program) for token in tokens)

    def identify(self, proof: Proof) -> Identity:
        """Read off what was signed. ``amount`` is None where several transfers could be meant."""
        return _identity(proof.payload, chain_of(self.config.network), self._receiving)

    async def check(self, proof: Proof, quote: Quote) -> Checked:
        """Hold a proof to its quote: all rules first, without the network, then the chain."""
        identity = self.identify(proof)
        expected = expected_of(quote, self.config)
        verified = self._verified(proof, quote, expected)
        unfit = refusal_of_amount(verified.transfer, expected)
        if unfit is not None and not _may_be_ours(proof, quote, verified, identity.memo):
            raise unfit
        bound = self._bound(proof, quote, verified, identity.memo)
        private = bound and proof.sealed is not None
        simulation, known = await self._tried(verified, private=private)
        if known or is_of_past(simulation):
            if not private:
                raise refusal_of_past(simulation, known=known)
            signature = self._landing_signature(verified)
            landed = await require_paid(self.chain, signature, simulation, known=known)
            verified = verified.of(await self._owner(verified, landed))
            refusal = refusal_of_time(landed, quote) or _told(unfit)
            return _checked(proof, quote, verified, identity, landed=True, refusal=refusal)
        if unfit is not None:
            raise unfit
        if simulation.err is not None:
            raise refusal_of(
                simulation, verified.transfer.place, sponsored=verified.sponsor is not None
            )
        source, balance = await self._source(simulation, verified, expected)
        verified = verified.of(source.owner, balance)
        return _checked(proof, quote, verified, identity, landed=False)

    def _verified(self, proof: Proof, quote: Quote, expected: Expected) -> Verified:
        transaction = decode(proof.payload)
        ours = self.sponsors.addresses
        if quote.purpose is Purpose.REFUND:
            # The wallets that pay refunds sign for themselves, and may be ones that sponsor buyers.
            ours = ours - {self.config.owner, *self.config.refunders}
        if not is_sponsored(proof):
            transfer = selfpaid.verify(transaction, expected, ours=ours)
            return Verified(transaction=transaction, transfer=transfer, sponsor=None, lamports=0)
        if quote.purpose is Purpose.REFUND:
            raise refused(Reason.FEE_PAYER_UNKNOWN, "refunds pay their own network fee")
        if proof.version == v0.VERSION and not self.config.gasless:
            raise refused(Reason.FEE_PAYER_UNKNOWN, "gasless transactions not enabled")
        limits = self.config.sponsoring
        named = None if proof.sponsor is None else address(proof.sponsor)
        found = sponsored.verify(transaction, expected, ours=ours, named=named, limits=limits)
        if not is_worth_sponsoring(quote.amount, limits):
            raise refused(Reason.FEE_PAYER_UNKNOWN, "So small a payment is not sponsored.")
        return Verified(
            transaction=transaction,
            transfer=found.transfer,
            sponsor=transaction.fee_payer,
            lamports=found.lamports,
        )

    def _bound(self, proof: Proof, quote: Quote, verified: Verified, text: str | None) -> bool:
        bound = memo.binds(text, quote, bare=proof.version != v0.VERSION)
        exclusive = verified.sponsor is not None and self.config.sponsoring.exclusive
        memo.require_bound(bound, sealed=proof.sealed is not None, exclusive=exclusive)
        return bound

    async def _tried(self, verified: Verified, *, private: bool) -> tuple[Simulation, bool]:
        """Simulate; tell too whether a node has it in a block, where that must be asked.

        ``private`` tells that the proof came with what the chain does not show. Ours to sign, it
        cannot have run before. The buyer's own may have, in a block that a simulation does not
        see, since its bank is a confirmed one. From who brings only what the chain shows, that
        is asked of all nodes at the same time. From who brings more, what runs is taken, since
        sending it again does no harm; what fails may have spent the money by itself.
        """
        if verified.sponsor is not None:
            return await self._simulated(verified), False
        signature = self._landing_signature(verified)
        if private:
            simulation = await self._simulated(verified)
            fails = simulation.err is not None and not is_of_past(simulation)
            return simulation, fails and await self.chain.has_run(signature)
        asked = asyncio.create_task(self.chain.has_run(signature))
        try:
            simulation = await self._simulated(verified)
            return simulation, simulation.err is None and await asked
        finally:
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)

    async def _simulated(self, verified: Verified) -> Simulation:
        moved = (Pubkey(verified.transfer.source), Pubkey(verified.transfer.destination))
        return await self.chain.simulate(verified.transaction.raw, moved)

    def _landing_signature(self, verified: Verified) -> Signature:
        # Ours is deterministic: what landed under our key carries the signature made here.
        if verified.sponsor is None:
            return Signature(verified.transaction.signatures[0])
        return Signature(self.sponsors.sign(verified.sponsor, verified.transaction.message))

    async def _owner(self, verified: Verified, landed: Landed) -> bytes:
        # As it was when the money left: since then the account may be closed, or another's.
        source = verified.transfer.source
        owner = landed.owners.get(verified.transaction.keys.index(source))
        if owner is not None:
            return bytes(owner)
        (now,) = await self.chain.accounts([Pubkey(source)])
        account = read_token_account(now)
        if account is None:
            raise not_shown()
        return account.owner

    async def _source(
        self, simulation: Simulation, verified: Verified, expected: Expected
    ) -> tuple[TokenAccount, int]:
        transfer = verified.transfer
        accounts: Sequence[Account | None] = simulation.accounts
        moved = 0
        if len(accounts) != 2 or None in accounts:
            accounts = await self.chain.accounts(
                [Pubkey(transfer.source), Pubkey(transfer.destination)]
            )
        else:
            moved = transfer.amount
        source, destination = (read_token_account(one) for one in accounts)
        if source is None or destination is None:
            raise refused(Reason.SIMULATION, code=Code.MISSING_TOKEN_ACCOUNT)
        _require_receiver(destination, expected)
        return source, source.amount + moved


@lru_cache(maxsize=512)
def _identity(raw: bytes, chain: ChainName, receiving: frozenset[bytes]) -> Identity:
    transaction = decode(raw)
    found = list(transfers(transaction.instructions))
    if not found:
        raise refused(Reason.NO_TRANSFER)
    ours = [one for one in found if one.destination in receiving]
    likely = ours or found
    return Identity(
        chain=chain,
        key=transaction.key,
        payer=written(likely[0].authority),
        amount=likely[0].amount if len(likely) == 1 else None,
        memo=memo.only(transaction),
    )


def _may_be_ours(proof: Proof, quote: Quote, verified: Verified, text: str | None) -> bool:
    """Tell whether money of another amount than the quote's would have to be given back.

    Only if its buyer has sent it himself, with the quote's memo, and brings the quote.
    """
    if verified.sponsor is not None or proof.sealed is None or verified.transfer.amount == 0:
        return False
    return memo.binds(text, quote, bare=proof.version != v0.VERSION)


def _told(unfit: Declined | None) -> Failed | None:
    if unfit is None:
        return None
    return Failed(code=unfit.code, reason=unfit.reason or unfit.code.value, landed=True)


def _checked(
    proof: Proof,
    quote: Quote,
    verified: Verified,
    identity: Identity,
    *,
    landed: bool,
    refusal: Failed | None = None,
) -> Checked:
    # Only with a quote is it certain which of several transfers is the payment.
    payer, amount = written(verified.transfer.authority), verified.transfer.amount
    if (identity.payer, identity.amount) != (payer, amount):
        identity = evolve(identity, payer=payer, amount=amount)
    return Checked(
        proof=proof,
        identity=identity,
        quote=quote,
        landed=landed,
        refusal=refusal,
        context=verified,
    )


def is_sponsored(proof: Proof) -> bool:
    """Tell whether a wallet of ours is to pay the fee: always, but for v0 that names none."""
    return proof.version != v0.VERSION or proof.sponsor is not None


def _require_receiver(account: TokenAccount, expected: Expected) -> None:
    # An associated account can be given away by its owner and keeps its address.
    if account.mint != expected.token.mint or expected.owner not in (None, account.owner):
        raise refused(Reason.RECIPIENT)
