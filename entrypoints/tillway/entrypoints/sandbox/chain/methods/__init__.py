"""The JSON-RPC methods, by the subject that they speak of."""

from collections.abc import Callable
from typing import Final

from tillway.entrypoints.sandbox.chain.methods import cluster, history, running, state
from tillway.entrypoints.sandbox.chain.node import Node
from tillway.entrypoints.sandbox.chain.params import Params
from tillway.entrypoints.sandbox.chain.wire import Json

Method = Callable[[Node, Params], Json]

METHODS: Final[dict[str, Method]] = {
    **cluster.METHODS,
    **state.METHODS,
    **history.METHODS,
    **running.METHODS,
}
