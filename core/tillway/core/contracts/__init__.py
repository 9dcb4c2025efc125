"""What every implementation of a port must pass, as test classes to inherit.

An outsider's store is tested like ours, with pytest and pytest-asyncio installed::

    from tillway.core.contracts.stores import StoreContract

    class TestMyStore(StoreContract):
        @pytest_asyncio.fixture
        async def store(self):
            store = MyStore()
            await store.start()
            yield store
            await store.aclose()

With hypothesis, ``tillway.core.contracts.stores.side_by_side.SideBySideLaws`` drives it at random
beside a store to trust.

A rail that takes proofs is tested by ``tillway.core.contracts.rails.RailContract``, whose module
says what fixtures it needs.

Counts are small; the environment variable ``TILLWAY_TESTS=full`` runs the large ones.
"""
