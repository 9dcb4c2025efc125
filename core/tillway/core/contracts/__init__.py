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

Counts are small; the environment variable ``TILLWAY_TESTS=full`` runs the large ones.
"""
