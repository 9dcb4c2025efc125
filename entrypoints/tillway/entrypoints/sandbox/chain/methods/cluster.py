"""The cluster: versions, slots and heights, blockhashes, rent."""

from tillway.entrypoints.sandbox.chain.node import API_VERSION, Node
from tillway.entrypoints.sandbox.chain.params import Params, blockhash
from tillway.entrypoints.sandbox.chain.programs import GENESIS
from tillway.entrypoints.sandbox.chain.slots import BLOCKHASH_WINDOW, SLOTS_IN_EPOCH, height
from tillway.entrypoints.sandbox.chain.wire import (
    BLOCK_CLEANED_UP,
    BLOCK_NOT_AVAILABLE,
    Json,
    RpcError,
)

_FEATURE_SET = 3_640_012_085
_SAMPLE_SECONDS = 60
_MAX_SAMPLES = 720
_LARGEST_ACCOUNT = 10 * 1024 * 1024


def get_health(node: Node, params: Params) -> Json:
    """Say that all is well; faults make it otherwise."""
    del node, params
    return "ok"


def get_version(node: Node, params: Params) -> Json:
    """Name the Agave release whose answers these follow."""
    del node, params
    return {"feature-set": _FEATURE_SET, "solana-core": API_VERSION}


def get_genesis_hash(node: Node, params: Params) -> Json:
    """By which clients tell clusters apart."""
    del params
    return GENESIS[node.chain.cluster]


def get_identity(node: Node, params: Params) -> Json:
    """Name the faucet, as this cluster has no other key."""
    del params
    return {"identity": str(node.chain.faucet.pubkey())}


def get_slot(node: Node, params: Params) -> Json:
    """Give the newest slot of a commitment."""
    return node.asked(params.config(0))


def get_block_height(node: Node, params: Params) -> Json:
    """Give the newest height of a commitment."""
    return height(node.asked(params.config(0)))


def get_first_available_block(node: Node, params: Params) -> Json:
    """Give the first slot of which this node keeps history."""
    del params
    return node.faults.first_available_slot


def get_epoch_info(node: Node, params: Params) -> Json:
    """Epochs count from slot 0 on."""
    slot = node.asked(params.config(0))
    return {
        "absoluteSlot": slot,
        "blockHeight": height(slot),
        "epoch": slot // SLOTS_IN_EPOCH,
        "slotIndex": slot % SLOTS_IN_EPOCH,
        "slotsInEpoch": SLOTS_IN_EPOCH,
        "transactionCount": node.chain.landings.total,
    }


def get_latest_blockhash(node: Node, params: Params) -> Json:
    """Give the newest blockhash of a commitment, and the last height that takes it."""
    config = params.config(0)
    slot = node.asked(config)
    return node.answer(config, latest(node, slot))


def latest(node: Node, slot: int) -> dict[str, Json]:
    """Give the blockhash of a slot."""
    last = height(slot) + BLOCKHASH_WINDOW
    return {"blockhash": str(node.chain.slots.hash_of(slot)), "lastValidBlockHeight": last}


def is_blockhash_valid(node: Node, params: Params) -> Json:
    """Whether the next block of a commitment would take it."""
    text, config = blockhash(params.text(0)), params.config(1)
    return node.answer(config, node.chain.slots.alive(text, node.asked(config)))


def get_block_time(node: Node, params: Params) -> Json:
    """When a slot began, in unix seconds."""
    slot = params.integer(0)
    first = node.faults.first_available_slot
    if slot < first:
        cleaned = f"Block {slot} cleaned up, does not exist on node. First available block: {first}"
        raise RpcError(BLOCK_CLEANED_UP, cleaned)
    if slot > node.slot():
        raise RpcError(BLOCK_NOT_AVAILABLE, f"Block not available for slot {slot}")
    return int(node.chain.slots.time_of(slot))


def get_minimum_balance(node: Node, params: Params) -> Json:
    """Lamports that keep an account of this size alive."""
    size = params.integer(0)
    return node.chain.rent(min(size, _LARGEST_ACCOUNT))


def get_recent_prioritization_fees(node: Node, params: Params) -> Json:
    """Blocks here are never full, so nothing need be paid."""
    del params
    tip = node.slot()
    return [{"slot": slot, "prioritizationFee": 0} for slot in range(tip - 149, tip + 1)]


def get_recent_performance_samples(node: Node, params: Params) -> Json:
    """Steady slots, minute by minute, newest first."""
    limit = min(params.integer(0) if params.values else _MAX_SAMPLES, _MAX_SAMPLES)
    slots = _SAMPLE_SECONDS * 1000 // node.chain.slot_ms
    return [
        {
            "slot": node.slot() - index * slots,
            "numSlots": slots,
            "numTransactions": 0,
            "numNonVoteTransactions": 0,
            "samplePeriodSecs": _SAMPLE_SECONDS,
        }
        for index in range(limit)
    ]


METHODS = {
    "getHealth": get_health,
    "getVersion": get_version,
    "getGenesisHash": get_genesis_hash,
    "getIdentity": get_identity,
    "getSlot": get_slot,
    "getBlockHeight": get_block_height,
    "getFirstAvailableBlock": get_first_available_block,
    "minimumLedgerSlot": get_first_available_block,
    "getEpochInfo": get_epoch_info,
    "getLatestBlockhash": get_latest_blockhash,
    "isBlockhashValid": is_blockhash_valid,
    "getBlockTime": get_block_time,
    "getMinimumBalanceForRentExemption": get_minimum_balance,
    "getRecentPrioritizationFees": get_recent_prioritization_fees,
    "getRecentPerformanceSamples": get_recent_performance_samples,
}
