"""What the discovery routes read and answer, in their own words."""

from collections.abc import Mapping, Sequence

from attrs import frozen

from tillway.entrypoints.http.wire import wire


@frozen(kw_only=True)
class FiatPrice:
    """A price in a currency."""

    amount: float
    currency: str


@frozen(kw_only=True)
class CryptoPrice:
    """A price in a token."""

    amount: float
    token: str


@frozen(kw_only=True)
class ListPrice:
    """The prices that a product has, before coupons."""

    fiat: FiatPrice | None = None
    crypto: CryptoPrice | None = None


@frozen(kw_only=True)
class ResourceOption:
    """One thing for sale."""

    id: str
    name: str
    description: str
    endpoint: str
    price: ListPrice
    metadata: Mapping[str, str] | None = None


@frozen(kw_only=True)
class X402Facts:
    """Where tokens go."""

    network: str
    payment_address: str
    token_mint: str


@frozen(kw_only=True)
class PaymentFacts:
    """How things are paid here."""

    methods: Sequence[str]
    x402: X402Facts | None = None


@frozen(kw_only=True)
class Options:
    """What is sold here, and how it is paid."""

    version: str
    server: str
    resources: Sequence[ResourceOption]
    payment: PaymentFacts


@frozen(kw_only=True)
class Authentication:
    """How callers show who they are, or that they paid."""

    type: str
    schemes: Sequence[str]


@frozen(kw_only=True)
class PaymentMethod:
    """One way to pay."""

    type: str
    protocol: str
    description: str
    network: str | None = None


@frozen(kw_only=True)
class Card:
    """What this service does, for agents."""

    name: str
    version: str
    description: str
    service_endpoint: str = wire(name="service_endpoint")
    capabilities: Sequence[str]
    authentication: Authentication
    payment_methods: Sequence[PaymentMethod] = wire(name="payment_methods")
    metadata: Mapping[str, str]


@frozen(kw_only=True)
class RpcAnswer:
    """A JSON-RPC answer: with a result, or with an error."""

    jsonrpc: str
    id: object
    result: Mapping[str, object] | None = None
    error: Mapping[str, object] | None = None
