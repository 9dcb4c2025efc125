"""Our receiving token account, made at start if it is not there yet."""

import hashlib
import logging
from typing import Final

from attrs import frozen
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import Transaction

from tillway.adapters.x402.accounts import token_account
from tillway.adapters.x402.answers import Blockhash
from tillway.adapters.x402.programs import ASSOCIATED_TOKEN, SYSTEM
from tillway.adapters.x402.rpc import Rpc
from tillway.adapters.x402.wallets import Wallets
from tillway.core.errors import Code, Declined
from tillway.core.payments import Chain, PaymentKey, Settled
from tillway.core.ports.rails import Sends, Signed

_log = logging.getLogger(__name__)

CREATE_IDEMPOTENT: Final = b"\x01"
"""The associated token account program's CreateIdempotent: it succeeds if the account is there."""


@frozen(kw_only=True)
class Wanted:
    """A token account to have: whose, for which mint, under which token program.

    ``account`` names one that is not the wallet's associated one; its owner is not looked at.
    """

    owner: bytes
    mint: bytes
    program: bytes
    account: bytes | None = None

    @property
    def address(self) -> Pubkey:
        """Where the account is, or will be."""
        return Pubkey(self.account or token_account(self.owner, self.mint, self.program))

    def matches(self, data: bytes) -> bool:
        """Tell whether an account's data are of this mint and owner."""
        owner = self.owner if self.account is None else b""
        return data.startswith(self.mint + owner)

    @property
    def owner_address(self) -> str:
        """The owner, in base58."""
        return str(Pubkey(self.owner))

    @property
    def mint_address(self) -> str:
        """The mint, in base58."""
        return str(Pubkey(self.mint))


async def provide(
    wanted: Wanted, *, rpc: Rpc, wallets: Wallets, sends: Sends, chain: Chain
) -> bool:
    """Make sure that the account exists; tell whether we had to create it.

    Two processes that do it at once, or one twice, are harmless: one creation does nothing.
    Raises Declined (config_error) if no wallet of ours can pay for it or the chain refuses it,
    Unavailable if the chain cannot be asked.
    """
    if await _exists(wanted, rpc):
        return False
    payer = wallets.next()
    if payer is None:
        raise Declined(
            Code.CONFIG_ERROR,
            f"no server wallet has the SOL to create the token account {wanted.address}",
        )
    blockhash = await rpc.latest_blockhash()
    outcome = await sends.send(_signed(creation(wanted, payer, blockhash), blockhash, rpc, chain))
    if not isinstance(outcome, Settled):
        _log.warning("creating %s: %s", wanted.address, outcome.reason)
    if not await _exists(wanted, rpc):
        raise Declined(
            Code.CONFIG_ERROR, f"the token account {wanted.address} could not be created"
        )
    return True


async def _exists(wanted: Wanted, rpc: Rpc) -> bool:
    (found,) = await rpc.accounts([wanted.address])
    return found is not None and bytes(found.owner) == wanted.program


def creation(wanted: Wanted, payer: Keypair, blockhash: Blockhash) -> Transaction:
    """Write and sign the transaction that creates the account."""
    key = payer.pubkey()
    accounts = [
        AccountMeta(key, is_signer=True, is_writable=True),
        AccountMeta(wanted.address, is_signer=False, is_writable=True),
        *(
            AccountMeta(Pubkey(address), is_signer=False, is_writable=False)
            for address in (wanted.owner, wanted.mint, SYSTEM, wanted.program)
        ),
    ]
    instruction = Instruction(Pubkey(ASSOCIATED_TOKEN), CREATE_IDEMPOTENT, accounts)
    message = Message.new_with_blockhash([instruction], key, blockhash.hash)
    return Transaction([payer], message, blockhash.hash)


def _signed(transaction: Transaction, blockhash: Blockhash, rpc: Rpc, chain: Chain) -> Signed:
    return Signed(
        chain=chain,
        key=PaymentKey(hashlib.sha256(bytes(transaction.message)).hexdigest()),
        payload=bytes(transaction),
        signature=str(transaction.signatures[0]),
        last_valid_height=blockhash.last_valid_height,
        seen_height=rpc.seen.height,
        seen_slot=rpc.seen.slot,
    )
