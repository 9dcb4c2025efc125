"""Where the database is, and what has to be there."""

import re
from typing import Final

from attrs import field, frozen

from tillway.adapters.stores.layered.kinds import KINDS
from tillway.adapters.stores.mongo.documents import collection, indexes
from tillway.adapters.stores.mongo.driver import Database, Document, Index, Limits
from tillway.adapters.stores.mongo.faults import unavailable
from tillway.adapters.stores.mongo.listing import list_payers
from tillway.adapters.stores.mongo.marks import prepare
from tillway.core.errors import Unavailable
from tillway.core.secrets import Secret

_SCHEMES: Final = ("mongodb", "mongodb+srv")
_HOST: Final = r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?"
_HOSTS: Final = re.compile(rf"{_HOST}(?:,{_HOST})*")
_OLDEST: Final = 13
"""The wire version of MongoDB 5.0, the first whose writes go to the majority unless told not to."""

_GONE: Final = Index(name="gone", fields=("gone",), where={"gone": {"$exists": True}})


@frozen
class Place:
    """A database in a deployment, by its URL. ``str`` names it without user and password."""

    url: Secret
    name: str
    limits: Limits = field(kw_only=True)
    patience: float = field(kw_only=True)

    def __str__(self) -> str:
        """Name hosts and database. What does not look like them may be a part of a secret."""
        scheme, _, after = self.url.reveal().partition("://")
        hosts = re.split(r"[/?]", after.rpartition("@")[2], maxsplit=1)[0]
        plain = scheme in _SCHEMES and _HOSTS.fullmatch(hosts)
        return f"{hosts}/{self.name}" if plain else "storage.mongodb_url"

    def database(self) -> Database:
        """Give the database; nothing is opened yet."""
        if self.url.reveal().partition("://")[0] not in _SCHEMES:
            raise unavailable("is not named by a URL like mongodb://user:password@host:27017")
        try:
            return Database.at(self.url, self.name, self.limits, self.patience)
        except Unavailable as error:
            # The driver's text may repeat parts of the URL, the password among them.
            raise self._refused("cannot be used as configured", error) from None
        except Exception as error:
            raise self._refused("cannot be used as configured", error) from None

    async def prepare(self, database: Database) -> None:
        """See to it that the database is one that we can use, and has our indexes.

        Any number of processes may do so at once. Raises Unavailable with the place and cause.
        """
        try:
            refuse_unfit(await database.hello(), str(self))
            await prepare(database, str(self))
            for kind in KINDS:
                await database.index(collection(kind.name), (*indexes(kind), _GONE))
            await list_payers(database)
        except Unavailable as error:
            if str(self) in error.message:
                raise
            cause = error.message.removeprefix("The store ").removesuffix(".")
            raise unavailable(f"at {self} {cause}") from error
        except Exception as error:
            raise self._refused(f"cannot be prepared ({type(error).__name__})", None) from error

    def _refused(self, cause: str, error: Exception | None) -> Unavailable:
        root = error.__cause__ or error if error is not None else None
        named = f" ({type(root).__name__})" if root is not None else ""
        return unavailable(f"at {self} {cause}{named}")


def refuse_unfit(said: Document, place: str) -> None:
    """Refuse a server that will not do, by what it says of itself."""
    version = int(said.get("maxWireVersion", 0))
    if version < _OLDEST:
        raise unavailable(f"at {place} is older than MongoDB 5.0 (wire version {version})")
    if not said.get("isWritablePrimary", said.get("ismaster", False)):
        raise unavailable(f"at {place} is not a primary: name the set, or all of its members")
