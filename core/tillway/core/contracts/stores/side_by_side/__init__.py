"""Two stores driven side by side: what one answers, the other has to answer too.

Inherit ``SideBySideLaws`` and give it the fixture ``pair``: something to call, whose result is an
asynchronous context manager that gives the store to trust (the one in memory) and the one to test,
both started and empty, and closes them again. It is entered once for each example. Hypothesis has
to be installed, which finds the calls that matter and leaves no others in what it reports.
"""

from tillway.core.contracts.stores.side_by_side.laws import SideBySideLaws
from tillway.core.contracts.stores.side_by_side.machine import Pair, StoreMachine

__all__ = ["Pair", "SideBySideLaws", "StoreMachine"]
