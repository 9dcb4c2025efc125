"""A Solana cluster in memory, and its JSON-RPC and PubSub endpoint."""

from tillway.entrypoints.sandbox.chain.faults import Fault, Faults, Kind
from tillway.entrypoints.sandbox.chain.fund import fund
from tillway.entrypoints.sandbox.chain.node import Node
from tillway.entrypoints.sandbox.chain.programs import STABLECOINS, Stablecoin, associated
from tillway.entrypoints.sandbox.chain.serve import Served, chain_app, serve_chain
from tillway.entrypoints.sandbox.chain.snapshot import BadSnapshot, dump, load, save
from tillway.entrypoints.sandbox.chain.svm import Chain

__all__ = [
    "STABLECOINS",
    "BadSnapshot",
    "Chain",
    "Fault",
    "Faults",
    "Kind",
    "Node",
    "Served",
    "Stablecoin",
    "associated",
    "chain_app",
    "dump",
    "fund",
    "load",
    "save",
    "serve_chain",
]
