"""The paywall of one gateway, as the frameworks around it use it."""

from collections.abc import Sequence
from ipaddress import ip_network

from attrs import define, field
from multidict import MultiMapping
from yarl import URL

from tillway.core.services.gateway import Services
from tillway.entrypoints.http.addresses import Addresses
from tillway.entrypoints.http.middleware.client import HEADER, Network, seen_from
from tillway.entrypoints.paywall.core import Decision, Paywall, purchase_of
from tillway.entrypoints.paywall.once import Once
from tillway.entrypoints.paywall.request import Request


@define(kw_only=True)
class Door:
    """Turns what frameworks know of a request into one of ours, and decides.

    ``proxies`` are addresses or networks whose X-Forwarded headers count; ``addresses`` are ours.
    """

    services: Services
    proxies: Sequence[str] = ()
    addresses: Addresses = field(factory=Addresses)
    paywall: Paywall = field(init=False, repr=False)
    once: Once = field(init=False, repr=False)
    _networks: tuple[Network, ...] = field(init=False, repr=False)

    @paywall.default
    def _make_paywall(self) -> Paywall:
        return Paywall.over(self.services)

    @once.default
    def _make_once(self) -> Once:
        services = self.services
        return Once(store=services.store, clock=services.clock, leases=services.leases)

    @_networks.default
    def _read_networks(self) -> tuple[Network, ...]:
        return tuple(ip_network(proxy, strict=False) for proxy in self.proxies)

    def request(
        self,
        *,
        method: str,
        scheme: str,
        host: str,
        path: str,
        query: str,
        headers: MultiMapping[str],
        body: bytes,
        peer: str,
        addresses: Addresses | None = None,
    ) -> Request:
        """Give the request; ``peer`` is the address that the connection comes from.

        ``addresses`` are the host's, where they are not the gateway's.
        """
        address, trusted = seen_from(peer, headers.getall(HEADER, ()), self._networks)
        place = (addresses or self.addresses).at(scheme, host, headers, trusted=trusted)
        return Request(
            method=method,
            path=path,
            query=query,
            url=place.url(path),
            certain=place.certain,
            headers=headers,
            body=body,
            address=address,
        )

    async def decide(self, request: Request, resource: str) -> Decision:
        """Decide for one product; the query may name a coupon, as it does at the gateway."""
        query = URL.build(query_string=request.query, encoded=True).query
        coupon = query.get("couponCode") or query.get("coupon") or None
        return await self.paywall.decide(request, purchase_of(request, resource, coupon))
