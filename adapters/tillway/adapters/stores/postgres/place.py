"""Where the database is, and opening connections to it."""

import os
import re
import ssl
from datetime import UTC, datetime
from typing import Final, TypeAlias

import asyncpg
from attrs import field, frozen

from tillway.adapters.stores.codec import micros
from tillway.adapters.stores.postgres.faults import fault, unavailable
from tillway.core.errors import Unavailable
from tillway.core.secrets import Secret

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_SCHEMES: Final = ("postgres", "postgresql")
_HOST: Final = r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?"
_NAME: Final = re.compile(rf"(?:{_HOST}(?:,{_HOST})*)?/[\w.%-]*")

_YEAR_2000: Final = micros(datetime(2000, 1, 1, tzinfo=UTC))


@frozen
class Place:
    """A database, by its URL. ``str`` names it without user and password."""

    url: Secret
    patience: float = field(default=10.0, kw_only=True)

    def __str__(self) -> str:
        """Name hosts and database. What does not look like them may be a part of a secret."""
        scheme, _, after = self.url.reveal().partition("://")
        netloc, _, rest = after.partition("/")
        name = f"{netloc.rpartition('@')[2]}/{rest.partition('?')[0]}"
        plain = scheme in _SCHEMES and "@" not in rest and _NAME.fullmatch(name)
        return name if plain else "storage.postgres_url"

    async def connect(self) -> Connection:
        """Open a connection. Raises Unavailable with the place and the cause."""
        if self.url.reveal().partition("://")[0] not in _SCHEMES:
            text = "is not named by a URL like postgresql://user:password@host:5432/database"
            raise unavailable(text)
        try:
            connection = await asyncpg.connect(
                self.url.reveal(),
                timeout=self.patience,
                # The server itself gives up sooner; this is for one that cannot be heard.
                command_timeout=2 * self.patience,
                # More than we have: each kind of records has its own.
                statement_cache_size=300,
                server_settings=self._settings(),
            )
            await _count_micros(connection)
            return connection
        except (asyncpg.ClientConfigurationError, ssl.SSLError, ValueError, TypeError) as error:
            # Its text may repeat parts of the URL, the password among them.
            raise self._refused(f"cannot be used as configured ({type(error).__name__})") from None
        except Exception as error:
            raise self._refused(_cause(error)) from error

    def _refused(self, cause: str) -> Unavailable:
        return unavailable(f"at {self} {cause}")

    def _settings(self) -> dict[str, str]:
        """Keep the server from waiting for a process that has stopped answering."""
        patience = int(self.patience * 1000)
        return {
            "application_name": "tillway",
            "statement_timeout": str(patience),
            "idle_in_transaction_session_timeout": str(2 * patience),
        }


async def _count_micros(connection: Connection) -> None:
    """Have times as rows have them: whole microseconds since 1970.

    The server counts from 2000. It has no last day, which datetime has.
    """
    await connection.set_type_codec(
        "timestamptz",
        schema="pg_catalog",
        encoder=lambda micros: (micros - _YEAR_2000,),
        decoder=lambda counted: counted[0] + _YEAR_2000,
        format="tuple",
    )


def _cause(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "does not answer"
    if isinstance(error, asyncpg.PostgresError) and not isinstance(
        error, asyncpg.PostgresConnectionError
    ):
        said = " ".join(str(error).split())
        return f"{fault(error) or 'cannot be used'} ({said})"
    if isinstance(error, OSError) and (error.errno or type(error) is OSError):
        return f"cannot be reached ({_reason(error)})"
    return "does not answer like PostgreSQL"


def _reason(error: OSError) -> str:
    if error.errno is None:
        return "at none of its addresses"
    # Where a name is not known, the number is not the system's.
    return os.strerror(error.errno) if error.errno > 0 else str(error.strerror)
