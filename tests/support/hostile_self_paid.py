"""Hostile payments whose fee the buyer pays: the oldest dialect has them, in any order."""

from collections.abc import Callable, Sequence
from typing import Any

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from support.hostile import Attack, Stage, with_table
from support.transactions import account_of, advance_nonce, lamports_from, memo, mint_of, wire
from tillway.adapters.x402.programs import TOKEN_2022
from tillway.adapters.x402.reasons import Reason
from tillway.core.assets import PYUSD
from tillway.core.errors import Code


def own(
    stage: Stage, *instructions: Instruction, signers: Sequence[Keypair] = (), legacy: bool = True
) -> bytes:
    """Write a transaction whose fee the first signer pays, by default the buyer."""
    keys = signers or (stage.buyer.keypair,)
    payer = keys[0].pubkey()
    return wire(instructions, keys, fee_payer=payer, legacy=legacy, blockhash=stage.blockhash)


def honest_own(stage: Stage) -> bytes:
    """Write the payment that the Cedros client would: a plain transfer and the memo."""
    return own(stage, stage.move().plain(), memo(stage.note))


def _own_move(**changes: Any) -> Callable[[Stage], bytes]:
    return lambda stage: own(stage, stage.move(**changes).plain(), memo(stage.note))


def _own_checked(**changes: Any) -> Callable[[Stage], bytes]:
    return lambda stage: own(stage, stage.move(**changes).checked(), memo(stage.note))


_own_program = _own_move(program=TOKEN_2022)


def _own_amount(change: int) -> Callable[[Stage], bytes]:
    return lambda stage: own(
        stage, stage.move(amount=stage.price + change).plain(), memo(stage.note)
    )


def _own_notes(*texts: str | bytes) -> Callable[[Stage], bytes]:
    return lambda stage: own(stage, stage.move().plain(), *(memo(text) for text in texts))


def _own_halves(stage: Stage) -> bytes:
    half = stage.move(amount=stage.price // 2)
    return own(stage, half.plain(), half.checked(), memo(stage.note))


def _own_and_more(stage: Stage) -> bytes:
    return own(stage, stage.move().plain(), stage.move(amount=1).plain(), memo(stage.note))


def _own_twice_noted(stage: Stage) -> bytes:
    return own(stage, stage.move().plain(), memo(stage.note), memo(stage.note))


def _own_changed_note(stage: Stage) -> bytes:
    last = "A" if stage.note[-1] != "A" else "B"
    return own(stage, stage.move().plain(), memo(stage.note[:-1] + last))


def _own_without_transfer(stage: Stage) -> bytes:
    return own(stage, lamports_from(stage.buyer.address, stage.shop.merchant.address, 50_000))


def _own_padded(stage: Stage) -> bytes:
    return own(stage, stage.move(tail=b"\0").plain(), memo(stage.note))


def _own_trailing(stage: Stage) -> bytes:
    return honest_own(stage) + b"\0"


def _own_unsigned(stage: Stage) -> bytes:
    raw = honest_own(stage)
    return raw[:1] + bytes(64) + raw[65:]


def _own_spoiled(stage: Stage) -> bytes:
    raw = bytearray(honest_own(stage))
    raw[9] ^= 1
    return bytes(raw)


def _own_half_signed(stage: Stage) -> bytes:
    # Another wallet pays the fee and has not signed; the authority has.
    raw = own(
        stage, stage.move().plain(), memo(stage.note), signers=(Keypair(), stage.buyer.keypair)
    )
    return raw[:1] + bytes(64) + raw[65:]


def _own_with_sponsor(stage: Stage) -> bytes:
    # The fee payer of a sponsored payment, without naming it.
    return stage.draft(legacy=True).raw()


def _own_with_sponsor_as_signer(stage: Stage) -> bytes:
    steals = lamports_from(stage.sponsor, stage.buyer.address, 1)
    return own(stage, stage.move().plain(), memo(stage.note), steals)


def _own_sponsor_as_authority(stage: Stage) -> bytes:
    move = stage.move(authority=stage.sponsor, source=account_of(stage.sponsor))
    return own(stage, move.plain(), memo(stage.note))


def _own_durable(stage: Stage) -> bytes:
    nonce = advance_nonce(Pubkey.new_unique(), stage.buyer.address)
    return own(stage, nonce, stage.move().plain(), memo(stage.note))


def _own_table(stage: Stage) -> bytes:
    raw = own(stage, stage.move().plain(), memo(stage.note), legacy=False)
    return with_table(raw, stage.buyer.keypair)


def _own_other_token(stage: Stage) -> bytes:
    merchant = stage.shop.merchant.address
    move = stage.move(asset=PYUSD, mint=mint_of(PYUSD), destination=account_of(merchant, PYUSD))
    return own(stage, move.checked(), memo(stage.note))


_AWAY = Reason.RECIPIENT
_NONE = Reason.NO_TRANSFER

SELF_PAID: Sequence[Attack] = (
    Attack("a minor unit less", _own_amount(-1), Reason.AMOUNT, Code.AMOUNT_BELOW_MINIMUM),
    Attack("a minor unit more", _own_amount(1), Reason.AMOUNT, Code.AMOUNT_MISMATCH),
    Attack("nothing", _own_move(amount=0), Reason.AMOUNT, Code.AMOUNT_BELOW_MINIMUM),
    Attack("in two halves", _own_halves, Reason.AMOUNT),
    Attack("in two transfers", _own_and_more, Reason.AMOUNT),
    Attack("another token", _own_other_token, Reason.MINT, Code.INVALID_TOKEN_PROGRAM),
    Attack(
        "another program", _own_move(program=TOKEN_2022), Reason.MINT, Code.INVALID_TOKEN_PROGRAM
    ),
    Attack("another mint", _own_checked(mint=b"m" * 32), Reason.MINT, Code.INVALID_TOKEN_MINT),
    Attack("wrong decimals", _own_checked(decimals=7), Reason.MINT),
    Attack(
        "to himself", _own_move(destination=b"d" * 32), Reason.RECIPIENT, Code.INVALID_RECIPIENT
    ),
    Attack(
        "no transfer of tokens", _own_without_transfer, Reason.NO_TRANSFER, Code.NOT_SPL_TRANSFER
    ),
    Attack("a padded transfer", _own_padded, _NONE, Code.NOT_SPL_TRANSFER),
    Attack("no memo", _own_notes(), Reason.MEMO_COUNT, Code.MISSING_MEMO),
    Attack("another's memo", _own_notes("something else"), Reason.MEMO_COUNT, Code.MISSING_MEMO),
    Attack("our memo twice", _own_twice_noted, Reason.MEMO_COUNT, Code.INVALID_MEMO),
    Attack("our memo, one character changed", _own_changed_note, Reason.MEMO, Code.INVALID_MEMO),
    Attack("a memo that is no text", _own_notes(b"\xff\xfe"), Reason.MEMO, Code.INVALID_MEMO),
    Attack("not signed", _own_unsigned, Reason.SIGNATURE, Code.INVALID_SIGNATURE),
    Attack("a spoiled signature", _own_spoiled, Reason.SIGNATURE, Code.INVALID_SIGNATURE),
    Attack("half signed", _own_half_signed, Reason.SIGNATURE, Code.INVALID_SIGNATURE),
    Attack("our wallet as unnamed fee payer", _own_with_sponsor, Reason.FEE_PAYER_SPENDS),
    Attack("our wallet as a signer", _own_with_sponsor_as_signer, Reason.FEE_PAYER_SPENDS),
    Attack("our wallet as authority", _own_sponsor_as_authority, Reason.FEE_PAYER_SPENDS),
    Attack("a durable nonce", _own_durable, Reason.INVALID_STATE),
    Attack("a lookup table", _own_table, Reason.UNDECODABLE),
    Attack("trailing bytes", _own_trailing, Reason.UNDECODABLE),
)
"""Against a gateway that only takes the money."""
