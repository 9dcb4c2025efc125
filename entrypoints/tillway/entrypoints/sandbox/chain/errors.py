"""What went wrong in a transaction: as Agave's JSON, and as the sentence that it shows."""

from typing import Final

from solders.transaction_status import (
    InstructionErrorBorshIO,
    InstructionErrorCustom,
    TransactionErrorDuplicateInstruction,
    TransactionErrorInstructionError,
    TransactionErrorInsufficientFundsForRent,
    TransactionErrorProgramExecutionTemporarilyRestricted,
    TransactionErrorType,
)

from tillway.entrypoints.sandbox.chain.wire import Json

ALREADY_PROCESSED: Final = "AlreadyProcessed"
BLOCKHASH_NOT_FOUND: Final = "BlockhashNotFound"

# Sentences of solana-transaction-error, which clients show and some match.
_SENTENCES: Final = {
    "AccountNotFound": "Attempt to debit an account but found no record of a prior credit.",
    "ProgramAccountNotFound": "Attempt to load a program that does not exist",
    "InsufficientFundsForFee": "Insufficient funds for fee",
    "InvalidAccountForFee": "This account may not be used to pay transaction fees",
    ALREADY_PROCESSED: "This transaction has already been processed",
    BLOCKHASH_NOT_FOUND: "Blockhash not found",
    "InvalidProgramForExecution": "This program may not be used for executing instructions",
    "SanitizeFailure": "Transaction failed to sanitize accounts offsets correctly",
    "AddressLookupTableNotFound": ("Transaction loads an address table account that doesn't exist"),
    "InvalidAddressLookupTableIndex": ("Transaction address table lookup uses an invalid index"),
    "DuplicateInstruction": "Transaction contains a duplicate instruction",
    "InsufficientFundsForRent": (
        "Transaction results in an account with insufficient funds for rent"
    ),
}
_INSTRUCTION_SENTENCES: Final = {
    "GenericError": "generic instruction error",
    "InvalidArgument": "invalid program argument",
    "InvalidInstructionData": "invalid instruction data",
    "InvalidAccountData": "invalid account data for instruction",
    "InsufficientFunds": "insufficient funds for instruction",
    "IncorrectProgramId": "incorrect program id for instruction",
    "MissingRequiredSignature": "missing required signature for instruction",
    "AccountAlreadyInitialized": "instruction requires an uninitialized account",
    "UninitializedAccount": "instruction requires an initialized account",
    "InvalidAccountOwner": "Invalid account owner",
    "IllegalOwner": "Provided owner is not allowed",
    "NotEnoughAccountKeys": "insufficient account keys for instruction",
    "ComputationalBudgetExceeded": "Computational budget exceeded",
    "ProgramFailedToComplete": "Program failed to complete",
    "PrivilegeEscalation": "Cross-program invocation with unauthorized signer or writable account",
}


def error_json(error: TransactionErrorType) -> Json:
    """Write the error as Agave serialises it, such as {"InstructionError": [2, {"Custom": 1}]}."""
    match error:
        case TransactionErrorInstructionError():
            return {"InstructionError": [error.index, _instruction_json(error.err)]}
        case TransactionErrorInsufficientFundsForRent():
            return {"InsufficientFundsForRent": {"account_index": error.account_index}}
        case TransactionErrorProgramExecutionTemporarilyRestricted():
            restricted = {"account_index": error.account_index}
            return {"ProgramExecutionTemporarilyRestricted": restricted}
        case TransactionErrorDuplicateInstruction():
            return {"DuplicateInstruction": error.index}
    return _name(error)


def _instruction_json(error: object) -> Json:
    if isinstance(error, InstructionErrorCustom):
        return {"Custom": error.code}
    if isinstance(error, InstructionErrorBorshIO):
        return {"BorshIoError": error.value}
    return _name(error)


def _name(error: object) -> str:
    return repr(error).rpartition(".")[2]


def sentence(error: Json) -> str:
    """Write the error as Agave words it for people."""
    if isinstance(error, str):
        return _SENTENCES.get(error, error)
    if "InstructionError" in error:
        index, inner = error["InstructionError"]
        return f"Error processing Instruction {index}: {_instruction_sentence(inner)}"
    kind = str(next(iter(error)))
    return _SENTENCES.get(kind, kind)


def _instruction_sentence(error: Json) -> str:
    if isinstance(error, dict):
        return f"custom program error: {error['Custom']:#x}" if "Custom" in error else "Borsh error"
    return _INSTRUCTION_SENTENCES.get(error, str(error))
