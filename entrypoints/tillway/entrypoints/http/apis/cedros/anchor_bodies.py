"""The JSON bodies of what clients need who write transactions themselves."""

from attrs import frozen

from tillway.entrypoints.http.wire import wire


@frozen(kw_only=True)
class AccountRequest:
    """A wallet and a token, by their addresses."""

    owner: str = wire(missing="owner is required", longest=64)
    mint: str = wire(missing="mint is required", longest=64)


@frozen(kw_only=True)
class AccountAnswer:
    """Where the wallet keeps the token."""

    token_account: str
    owner: str
    mint: str


@frozen(kw_only=True)
class RecentBlockhash:
    """A blockhash and the last block height at which it is good."""

    blockhash: str
    last_valid_block_height: int
    cached: bool = wire(doc="It is the answer to somebody else, of less than a second ago.")
