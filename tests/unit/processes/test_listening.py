"""Where a server listens, and what is said when it cannot."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest

from tillway.entrypoints.processes.failures import CannotStart
from tillway.entrypoints.processes.listening import bind, port_of, reserve, url_of


@pytest.fixture
def taken() -> Iterator[int]:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        yield int(other.getsockname()[1])


def close(sockets: Sequence[socket.socket]) -> None:
    """Close them all."""
    for each in sockets:
        each.close()


class TestBinding:
    def test_a_free_port_is_found(self) -> None:
        """Port 0 is whichever."""
        sockets = bind("127.0.0.1", 0)
        assert port_of(sockets) > 0
        close(sockets)

    def test_no_host_means_all_addresses_with_one_port(self) -> None:
        """Of every family that the machine has."""
        sockets = bind("", 0)
        assert {each.getsockname()[1] for each in sockets} == {port_of(sockets)}
        assert sockets[0].getsockname()[0] == "0.0.0.0"
        close(sockets)

    def test_a_port_in_use_is_named(self, taken: int) -> None:
        """Once somebody listens there."""
        with pytest.raises(CannotStart, match=f"port {taken}: the port is in use"):
            close(bind("127.0.0.1", taken, shared=True))

    def test_an_address_of_another_machine_is_named(self) -> None:
        """TEST-NET-1 is nobody's."""
        with pytest.raises(CannotStart, match=r"192\.0\.2\.1.*does not have"):
            close(bind("192.0.2.1", 0))


class TestSharing:
    def test_processes_may_share_what_is_reserved(self) -> None:
        """Each listens on a socket of its own."""
        kept = reserve("127.0.0.1", 0)
        both = [bind("127.0.0.1", port_of(kept), shared=True) for _ in range(2)]
        for (each,) in both:
            each.listen(1)
        with closing(socket.create_connection(("127.0.0.1", port_of(kept)), 1)):
            pass
        close([*kept, *both[0], *both[1]])

    def test_what_is_reserved_takes_no_connections(self) -> None:
        """They would wait for ever."""
        kept = reserve("127.0.0.1", 0)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port_of(kept)), 1)
        close(kept)

    def test_a_port_is_not_shared_with_strangers(self) -> None:
        """Even with those who would share it."""
        with closing(socket.socket()) as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind(("127.0.0.1", 0))
            other.listen(1)
            with pytest.raises(CannotStart, match="in use"):
                close(reserve("127.0.0.1", other.getsockname()[1]))


class TestShowing:
    @pytest.mark.parametrize(
        ("host", "url"),
        [
            ("", "http://0.0.0.0:80"),
            ("127.0.0.1", "http://127.0.0.1:80"),
            ("::1", "http://[::1]:80"),
            ("localhost", "http://localhost:80"),
        ],
    )
    def test_addresses_are_written_as_urls(self, host: str, url: str) -> None:
        """An address of version 6 stands in brackets."""
        assert url_of(host, 80) == url
