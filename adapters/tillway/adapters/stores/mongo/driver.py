"""The driver, and all that the store asks of it.

This is the one file that imports Motor. Its successor, PyMongo's AsyncMongoClient, has the same
verbs; docs/decisions says what moving to it takes.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import define, frozen
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import IndexModel, ReplaceOne
from pymongo.errors import BulkWriteError, OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from tillway.adapters.stores.mongo.faults import understood
from tillway.core.secrets import Secret

Document = dict[str, Any]
Condition = Mapping[str, Any]
Sort = Sequence[tuple[str, int]]

_DUPLICATE: Final = 11000
_NOT_IMPLEMENTED: Final = 238


@frozen(kw_only=True)
class Limits:
    """At most ``most`` connections at once, of which ``idle`` are kept while unused.

    Unused ones are closed after ``age`` seconds.
    """

    most: int = 25
    idle: int = 0
    age: float = 300.0


@frozen(kw_only=True)
class Index:
    """Fields, ascending. ``where`` tells which documents count."""

    name: str
    fields: Sequence[str]
    where: Condition | None = None
    unique: bool = False


@define(eq=False)
class Database:
    """One database. Raises Unavailable where the server is at fault."""

    _client: Any
    _database: Any
    _patience: float

    @classmethod
    def at(cls, url: Secret, name: str, limits: Limits, patience: float) -> "Database":
        """Give a database; nothing is opened yet. Waiting is bounded by ``patience`` seconds."""
        with understood():
            client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
                url.reveal(), **options(limits, patience)
            )
            database: AsyncIOMotorDatabase[Document] = client[name]
        return cls(client, database, patience)

    async def hello(self) -> Document:
        """Ask the server what it is, and from then on speak to it accordingly.

        A set of servers is asked for what its majority has; a single one knows nothing of that.
        """
        with understood():
            said: Document = await self._client.admin.command("hello")
        several = "setName" in said or said.get("msg") == "isdbgrid"
        wait = int(self._patience * 1000)
        self._database = self._database.with_options(
            read_concern=ReadConcern("majority" if several else "local"),
            write_concern=WriteConcern(w="majority", j=True, wtimeout=wait if several else None),
            read_preference=ReadPreference.PRIMARY,
        )
        return said

    def named(self, name: str) -> "Database":
        """Give another database of the deployment, by the same connections."""
        known = self._database
        other = self._client.get_database(
            name,
            read_concern=known.read_concern,
            write_concern=known.write_concern,
            read_preference=known.read_preference,
        )
        return Database(self._client, other, self._patience)

    async def has(self, collection: str) -> bool:
        """Tell whether there is such a collection, or a view of that name."""
        with understood():
            names = await self._database.list_collection_names()
        return collection in names

    async def find(
        self,
        collection: str,
        condition: Condition,
        *,
        only: Sequence[str] | None = None,
        sort: Sort = (),
        limit: int | None = None,
    ) -> list[Document]:
        """Give documents, ``only`` some of their fields if told so."""
        if limit == 0:  # which the server takes for no limit
            return []
        with understood():
            cursor = self._database[collection].find(condition, only)
            if sort:
                cursor = cursor.sort(list(sort))
            found: list[Document] = await cursor.limit(limit or 0).to_list(None)
        return found

    async def insert(self, collection: str, documents: Sequence[Document]) -> int:
        """Insert documents, but for those whose key is there; tell how many were inserted."""
        with understood():
            try:
                await self._database[collection].insert_many(documents, ordered=False)
            except BulkWriteError as error:
                if not _only_duplicates(error):
                    raise
                return int(error.details["nInserted"])
        return len(documents)

    async def replace(self, collection: str, changes: Sequence[tuple[Condition, Document]]) -> int:
        """Replace documents that meet conditions; tell how many met them."""
        writes = [ReplaceOne(condition, document) for condition, document in changes]
        with understood():
            result = await self._database[collection].bulk_write(writes, ordered=False)
        return int(result.matched_count)

    async def update(self, collection: str, condition: Condition, change: Document) -> int:
        """Change all documents that meet a condition; tell how many there were."""
        with understood():
            result = await self._database[collection].update_many(condition, change)
        return int(result.matched_count)

    async def delete(self, collection: str, condition: Condition) -> None:
        """Remove all documents that meet a condition."""
        with understood():
            await self._database[collection].delete_many(condition)

    async def index(self, collection: str, indexes: Sequence[Index]) -> None:
        """Make the indexes that are not there.

        A server that cannot make one of a part of the documents gets one of all. That is never
        unique, since documents without the fields would all be equal.
        """
        with understood():
            made = self._database[collection].create_indexes
            try:
                await made([_model(index, partial=True) for index in indexes])
            except OperationFailure as error:
                if error.code != _NOT_IMPLEMENTED:
                    raise
                # Such a server may not bear several at once either.
                for index in indexes:
                    await made([_model(index, partial=False)])

    async def aclose(self) -> None:
        """Close all connections."""
        # It says good-bye to the server, for which Motor would keep the event loop waiting.
        await asyncio.to_thread(self._client.delegate.close)


def options(limits: Limits, patience: float) -> dict[str, Any]:
    """Give what the driver is told beside the URL, and over it."""
    wait = int(patience * 1000)
    return {
        "appname": "tillway",
        "tz_aware": True,
        # A write that was cut off is looked up, never sent again by itself.
        "retryWrites": False,
        "w": "majority",
        "journal": True,
        "readPreference": "primary",
        "serverSelectionTimeoutMS": max(1, wait // 2),
        "connectTimeoutMS": max(1, wait // 2),
        "socketTimeoutMS": wait,
        "waitQueueTimeoutMS": wait,
        "maxPoolSize": limits.most,
        "minPoolSize": min(limits.idle, limits.most),
        "maxIdleTimeMS": int(limits.age * 1000),
    }


def _model(index: Index, *, partial: bool) -> IndexModel:
    told: dict[str, Any] = {"name": index.name}
    if partial and index.where is not None:
        told["partialFilterExpression"] = index.where
        told["unique"] = index.unique
    return IndexModel([(name, 1) for name in index.fields], **told)


def _only_duplicates(error: BulkWriteError) -> bool:
    faults = error.details.get("writeErrors", ())
    unsure = error.details.get("writeConcernErrors")
    return not unsure and all(each.get("code") == _DUPLICATE for each in faults)
