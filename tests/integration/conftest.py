"""Fixtures that integration tests share."""

import pytest

from support.chain import chain, hand, live_chain, live_node, node, rpc
from support.stripe_spec import NoSpec, Spec, stripe_spec

__all__ = ["chain", "hand", "live_chain", "live_node", "node", "rpc"]


@pytest.fixture(scope="session")
def spec() -> Spec:
    """Give the description that Stripe publishes of its API, or skip."""
    try:
        return stripe_spec()
    except NoSpec as missing:
        pytest.skip(str(missing))
