"""Fixtures that integration tests share."""

from support.chain import chain, hand, live_chain, live_node, node, rpc

__all__ = ["chain", "hand", "live_chain", "live_node", "node", "rpc"]
