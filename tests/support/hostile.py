"""Hostile payments for a served shop, each with the refusal that it must bring."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen
from solders.hash import Hash
from solders.instruction import CompiledInstruction, Instruction
from solders.keypair import Keypair
from solders.message import MessageAddressTableLookup, MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from support.chain import Wallet, blockhash_of
from support.shop import ARTICLE, Shop
from support.transactions import (
    Draft,
    Move,
    account_of,
    advance_nonce,
    at,
    close_account,
    lamports_from,
    lighthouse,
    memo,
    mint_of,
    unit_limit,
    unit_price,
)
from tillway.adapters.x402.programs import COMPUTE_BUDGET, TOKEN, TOKEN_2022
from tillway.adapters.x402.reasons import Reason
from tillway.core.assets import PYUSD
from tillway.core.errors import Code


@frozen
class Stage:
    """What a hostile buyer has before him: a shop, his wallet, and an offer to spoil."""

    shop: Shop
    buyer: Wallet
    note: str
    price: int = ARTICLE

    @property
    def sponsor(self) -> Pubkey:
        """The shop's wallet that pays fees."""
        return self.shop.sponsor.address

    @property
    def blockhash(self) -> Hash:
        """A fresh blockhash of the shop's chain."""
        return blockhash_of(self.shop.chain)

    def move(self, **changes: Any) -> Move:
        """Pay the price to the merchant, but for these changes."""
        honest: dict[str, Any] = {
            "amount": self.price,
            "authority": self.buyer.address,
            "destination": account_of(self.shop.merchant.address),
        }
        return Move(**{**honest, **changes})

    def draft(self, **changes: Any) -> Draft:
        """Write what an official client would, but for these changes."""
        honest: dict[str, Any] = {
            "move": self.move(),
            "sponsor": self.shop.sponsor.keypair,
            "buyer": self.buyer.keypair,
            "after": (memo(self.note),),
            "blockhash": self.blockhash,
        }
        return Draft(**{**honest, **changes})

    def running(self, *instructions: Instruction, others: Sequence[Keypair] = ()) -> bytes:
        """Write a transaction of these instructions, signed by the buyer alone."""
        return self.draft(others=tuple(others)).running(instructions)


@frozen
class Attack:
    """A hostile payment: how it is made, and with which reason and code it is refused.

    ``bound`` tells that the refusal is the same whether or not the sealed quote comes along.
    """

    name: str
    build: Callable[[Stage], bytes]
    reason: Reason
    code: Code = Code.INVALID_TRANSACTION
    bound: bool = True


def honest(stage: Stage) -> bytes:
    """Write the payment that was asked for."""
    return stage.draft().raw()


def _drained(units: int, price: int) -> Callable[[Stage], bytes]:
    return lambda stage: stage.draft(units=units, price=price).raw()


def _extra_signer(stage: Stage) -> bytes:
    helper = Keypair()
    return stage.draft(after=(memo(stage.note, helper.pubkey()),), others=(helper,)).raw()


def _sponsor_in_memo(stage: Stage) -> bytes:
    return stage.draft(after=(memo(stage.note, stage.sponsor),)).raw()


def _sponsor_as_authority(stage: Stage) -> bytes:
    source = account_of(stage.sponsor)
    return stage.draft(move=stage.move(authority=stage.sponsor, source=source)).raw()


def _sponsor_as_delegate(stage: Stage) -> bytes:
    return stage.draft(move=stage.move(authority=stage.sponsor)).raw()


def _sponsor_as_cosigner(stage: Stage) -> bytes:
    # Accounts after the authority are the signers of a token multisig.
    return stage.draft(move=stage.move(more=(at(stage.sponsor, signs=True),))).raw()


def _with_more(make: Callable[[Stage], Instruction]) -> Callable[[Stage], bytes]:
    return lambda stage: stage.draft(after=(memo(stage.note), make(stage))).raw()


def _lamports(stage: Stage) -> Instruction:
    return lamports_from(stage.sponsor, stage.buyer.address, 1_000_000)


def _closing(stage: Stage) -> Instruction:
    return close_account(account_of(stage.sponsor), stage.buyer.address, stage.sponsor)


def _second_limit(stage: Stage) -> Instruction:
    del stage
    return unit_limit(1_400_000)


def _other_move(**changes: Any) -> Callable[[Stage], bytes]:
    return lambda stage: stage.draft(move=stage.move(**changes)).raw()


def _amount(change: int) -> Callable[[Stage], bytes]:
    return lambda stage: stage.draft(move=stage.move(amount=stage.price + change)).raw()


def _wrong_mint(stage: Stage) -> bytes:
    merchant = stage.shop.merchant.address
    move = stage.move(
        asset=PYUSD, program=TOKEN_2022, mint=mint_of(PYUSD), destination=account_of(merchant)
    )
    return stage.draft(move=move).raw()


def _mint_of_the_same_program(stage: Stage) -> bytes:
    return stage.draft(move=stage.move(mint=bytes(Pubkey.new_unique()))).raw()


def _wrong_program(stage: Stage) -> bytes:
    return stage.draft(move=stage.move(program=TOKEN_2022)).raw()


def _to_himself(stage: Stage) -> bytes:
    return stage.draft(move=stage.move(destination=account_of(stage.buyer.address))).raw()


def _to_the_wallet_itself(stage: Stage) -> bytes:
    return stage.draft(move=stage.move(destination=bytes(stage.shop.merchant.address))).raw()


def _in_a_circle(stage: Stage) -> bytes:
    account = account_of(stage.shop.merchant.address)
    return stage.draft(move=stage.move(source=account)).raw()


def _plain_transfer(stage: Stage) -> bytes:
    plain = stage.move().plain()
    return stage.running(unit_limit(), unit_price(), plain, memo(stage.note))


def _notes(*texts: str | bytes) -> Callable[[Stage], bytes]:
    return lambda stage: stage.draft(after=tuple(memo(text) for text in texts)).raw()


def _twice_noted(stage: Stage) -> bytes:
    return stage.draft(after=(memo(stage.note), memo(stage.note))).raw()


def _noted_and_more(stage: Stage) -> bytes:
    return stage.draft(after=(memo(stage.note), memo("and something else"))).raw()


def _noted_within(stage: Stage) -> bytes:
    return stage.draft(after=(memo(f"{stage.note} "),)).raw()


def _changed_note(stage: Stage) -> bytes:
    last = "A" if stage.note[-1] != "A" else "B"
    return stage.draft(after=(memo(stage.note[:-1] + last),)).raw()


def with_table(raw: bytes, buyer: Keypair) -> bytes:
    """Give the same payment with an address lookup table that its last instruction uses."""
    message = VersionedTransaction.from_bytes(raw).message
    assert isinstance(message, MessageV0)
    instructions = message.instructions
    last, beyond = instructions[-1], bytes([len(message.account_keys)])
    instructions[-1] = CompiledInstruction(last.program_id_index, bytes(last.data), beyond)
    table = MessageAddressTableLookup(Pubkey.new_unique(), bytes([1]), bytes([0]))
    header, keys = message.header, message.account_keys
    changed = MessageV0(header, keys, message.recent_blockhash, instructions, [table])
    word = buyer.sign_message(to_bytes_versioned(changed))
    signers = changed.account_keys[: header.num_required_signatures]
    signed = [word if key == buyer.pubkey() else Signature.default() for key in signers]
    return bytes(VersionedTransaction.populate(changed, signed))


def _table(stage: Stage) -> bytes:
    return with_table(honest(stage), stage.buyer.keypair)


def _trailing(stage: Stage) -> bytes:
    return honest(stage) + b"\0"


def _cut(stage: Stage) -> bytes:
    return honest(stage)[:-1]


def _empty_signature(stage: Stage) -> bytes:
    raw = honest(stage)
    return raw[:65] + bytes(64) + raw[129:]


def _others_signature(stage: Stage) -> bytes:
    transaction = VersionedTransaction.from_bytes(honest(stage))
    data = to_bytes_versioned(transaction.message)
    signatures = [transaction.signatures[0], Keypair().sign_message(data)]
    return bytes(VersionedTransaction.populate(transaction.message, signatures))


def _spoiled_signature(stage: Stage) -> bytes:
    raw = bytearray(honest(stage))
    raw[70] ^= 1
    return bytes(raw)


def _durable(stage: Stage) -> bytes:
    nonce = advance_nonce(Pubkey.new_unique(), stage.buyer.address)
    return stage.running(nonce, unit_limit(), unit_price(), stage.move().checked())


def _durable_last(stage: Stage) -> bytes:
    nonce = advance_nonce(Pubkey.new_unique(), stage.buyer.address)
    return stage.draft(after=(memo(stage.note), nonce)).raw()


def _other_fee_payer(stage: Stage) -> bytes:
    return stage.draft(sponsor=Keypair()).raw()


def _buyer_as_fee_payer(stage: Stage) -> bytes:
    return stage.draft(sponsor=stage.buyer.keypair).raw()


def _no_limit(stage: Stage) -> bytes:
    return stage.running(unit_price(), stage.move().checked(), memo(stage.note))


def _no_price(stage: Stage) -> bytes:
    return stage.running(unit_limit(), stage.move().checked(), memo(stage.note))


def _swapped(stage: Stage) -> bytes:
    return stage.running(unit_price(), unit_limit(), stage.move().checked(), memo(stage.note))


def _only_transfer(stage: Stage) -> bytes:
    return stage.running(unit_limit(), stage.move().checked())


def _too_many(stage: Stage) -> bytes:
    return stage.draft(after=(memo(stage.note), *(lighthouse() for _ in range(4)))).raw()


def _heap_request(stage: Stage) -> Instruction:
    del stage
    return Instruction(Pubkey(COMPUTE_BUDGET), struct.pack("<BI", 1, 64 * 1024), [])


def _second_transfer(stage: Stage) -> Instruction:
    return stage.move(amount=1).checked()


def _approval(stage: Stage) -> Instruction:
    accounts = [
        at(account_of(stage.sponsor), writes=True),
        at(stage.buyer.address),
        at(stage.sponsor, signs=True),
    ]
    return Instruction(Pubkey(TOKEN), b"\x04" + struct.pack("<Q", 2**63), accounts)


SPONSORED: Sequence[Attack] = (
    # What the fee payer would lose.
    Attack("1.4M units at 5 lamports", _drained(1_400_000, 5_000_000), Reason.UNIT_LIMIT_HIGH),
    Attack("one unit too many", _drained(400_001, 0), Reason.UNIT_LIMIT_HIGH),
    Attack("one microlamport too many", _drained(20_000, 50_001), Reason.UNIT_PRICE_HIGH),
    Attack("both at their caps but too dear", _drained(400_000, 50_001), Reason.UNIT_PRICE_HIGH),
    Attack(
        "price beyond 64 bits of lamports", _drained(400_000, 2**64 - 1), Reason.UNIT_PRICE_HIGH
    ),
    Attack("an extra signer", _extra_signer, Reason.SIGNERS),
    Attack("fee payer signs the memo", _sponsor_in_memo, Reason.FEE_PAYER_SPENDS),
    Attack("fee payer owns the source", _sponsor_as_authority, Reason.FEE_PAYER_SPENDS),
    Attack("fee payer as delegate", _sponsor_as_delegate, Reason.FEE_PAYER_SPENDS),
    Attack("fee payer as cosigner", _sponsor_as_cosigner, Reason.FEE_PAYER_SPENDS),
    Attack("lamports of the fee payer", _with_more(_lamports), Reason.UNKNOWN_FIFTH),
    Attack("closing the fee payer's account", _with_more(_closing), Reason.UNKNOWN_FIFTH),
    Attack("approval by the fee payer", _with_more(_approval), Reason.UNKNOWN_FIFTH),
    Attack("a second unit limit", _with_more(_second_limit), Reason.UNKNOWN_FIFTH),
    Attack("a larger heap", _with_more(_heap_request), Reason.UNKNOWN_FIFTH),
    Attack("his own fee", _buyer_as_fee_payer, Reason.FEE_PAYER_UNKNOWN),
    Attack("another's fee payer", _other_fee_payer, Reason.FEE_PAYER_UNKNOWN),
    # What the merchant would lose.
    Attack("a minor unit less", _amount(-1), Reason.AMOUNT, Code.AMOUNT_BELOW_MINIMUM),
    Attack("a minor unit more", _amount(1), Reason.AMOUNT, Code.AMOUNT_MISMATCH),
    Attack("nothing", _other_move(amount=0), Reason.AMOUNT, Code.AMOUNT_BELOW_MINIMUM),
    Attack("all there is", _other_move(amount=2**64 - 1), Reason.AMOUNT, Code.AMOUNT_MISMATCH),
    Attack("another token", _wrong_mint, Reason.MINT, Code.INVALID_TOKEN_PROGRAM),
    Attack("another mint", _mint_of_the_same_program, Reason.MINT, Code.INVALID_TOKEN_MINT),
    Attack("another program", _wrong_program, Reason.MINT, Code.INVALID_TOKEN_PROGRAM),
    Attack("wrong decimals", _other_move(decimals=5), Reason.MINT),
    Attack("to himself", _to_himself, Reason.RECIPIENT, Code.INVALID_RECIPIENT),
    Attack(
        "to the wallet's address", _to_the_wallet_itself, Reason.RECIPIENT, Code.INVALID_RECIPIENT
    ),
    Attack("in a circle", _in_a_circle, Reason.RECIPIENT, Code.INVALID_RECIPIENT),
    Attack("a second transfer", _with_more(_second_transfer), Reason.UNKNOWN_FIFTH),
    # What binds it.
    Attack(
        "another's memo",
        _notes("something else"),
        Reason.MEMO_COUNT,
        Code.MISSING_MEMO,
        bound=False,
    ),
    Attack("no memo", _notes(), Reason.MEMO_COUNT, Code.MISSING_MEMO, bound=False),
    Attack("our memo twice", _twice_noted, Reason.MEMO_COUNT, Code.INVALID_MEMO),
    Attack("our memo and another", _noted_and_more, Reason.MEMO_COUNT, Code.INVALID_MEMO),
    Attack("our memo, one character changed", _changed_note, Reason.MEMO, Code.INVALID_MEMO),
    Attack("a memo that is no text", _notes(b"\xff\xfe\xfd"), Reason.MEMO, Code.INVALID_MEMO),
    # What could not be judged.
    Attack("a lookup table", _table, Reason.UNDECODABLE),
    Attack("trailing bytes", _trailing, Reason.UNDECODABLE),
    Attack("cut off", _cut, Reason.UNDECODABLE),
    Attack("a durable nonce first", _durable, Reason.INVALID_STATE),
    Attack("a durable nonce last", _durable_last, Reason.INVALID_STATE),
    Attack("not signed", _empty_signature, Reason.SIGNATURE, Code.INVALID_SIGNATURE),
    Attack("signed by another", _others_signature, Reason.SIGNATURE, Code.INVALID_SIGNATURE),
    Attack("a spoiled signature", _spoiled_signature, Reason.SIGNATURE, Code.INVALID_SIGNATURE),
    # Another layout.
    Attack("no unit limit", _no_limit, Reason.UNIT_LIMIT),
    Attack("no unit price", _no_price, Reason.UNIT_PRICE),
    Attack("limit and price swapped", _swapped, Reason.UNIT_LIMIT),
    Attack("too few instructions", _only_transfer, Reason.LENGTH),
    Attack("too many instructions", _too_many, Reason.LENGTH),
    Attack("a plain transfer", _plain_transfer, Reason.NO_TRANSFER, Code.NOT_SPL_TRANSFER),
)
"""Against a gateway whose wallet pays the fee."""

BARE_ONLY: Sequence[Attack] = (
    Attack("our memo and a blank", _noted_within, Reason.MEMO, Code.INVALID_MEMO),
)
"""The official dialects have the bare authenticator as their memo."""
