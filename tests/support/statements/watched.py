"""A store in PostgreSQL whose statements are overheard."""

from attrs import define, field, frozen

from support.statements.recording import Ear
from tillway.adapters.stores.postgres import PostgresStore
from tillway.adapters.stores.postgres.lender import Lender
from tillway.adapters.stores.postgres.place import Connection, Place
from tillway.core.secrets import Secret


@frozen
class WatchedPlace(Place):
    """A place whose connections tell what is sent over them."""

    ear: Ear = field(kw_only=True)

    async def connect(self) -> Connection:
        """Open a connection and listen to it."""
        connection = await super().connect()
        connection.add_query_logger(
            lambda query: self.ear.hear(connection, query.query, query.args)
        )
        return connection


@define(eq=False)
class WatchedLender(Lender):
    """A lender of such connections."""

    ear: Ear = field(kw_only=True)

    @property
    def place(self) -> WatchedPlace:
        """Where the database is."""
        return WatchedPlace(self.url, patience=self.patience, ear=self.ear)


def watched_store(place: str, ear: Ear) -> PostgresStore:
    """Give a store, not yet started."""
    url = Secret(place)
    return PostgresStore(url, lender=WatchedLender(url, ear=ear))
