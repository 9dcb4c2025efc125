"""`tillway serve` in one process."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from e2e.http_call import call
from support.children import AVAILABLE, cpu_of, memory_of
from support.command import LISTENS, Running, running, write_settings

QUOTE = b'{"resource": "mug"}'
MEBIBYTE = 2**20


@pytest.fixture(scope="class")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serve for a class of tests that only look."""
    folder = tmp_path_factory.mktemp("serving")
    file = write_settings(folder)
    with running("serve", "-c", file, folder=folder, until=LISTENS) as started:
        yield started


def connected(port: int) -> socket.socket:
    """Open a connection that does not wait for ever."""
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def half_asked(port: int) -> socket.socket:
    """Send all of a request but the last byte of its body."""
    asking = connected(port)
    head = f"POST /paywall/v1/quote HTTP/1.1\r\nHost: x\r\nContent-Length: {len(QUOTE)}\r\n\r\n"
    asking.sendall(head.encode() + QUOTE[:-1])
    time.sleep(0.2)
    return asking


def rest(asking: socket.socket) -> bytes:
    """Read to the end."""
    parts = []
    while part := asking.recv(65536):
        parts.append(part)
    return b"".join(parts)


class TestServing:
    def test_it_answers_once_it_has_said_so(self, serving: Running) -> None:
        """One line names the address."""
        answer = call(f"http://127.0.0.1:{serving.port}/paywall/v1/products")
        assert answer.status == 200
        assert answer.json()["products"][0]["id"] == "mug"
        assert len(serving.said().splitlines()) == 1

    @pytest.mark.skipif(not AVAILABLE, reason="memory and time are read from /proc")
    def test_it_starts_fast_and_small(self, serving: Running) -> None:
        """The processor time bounds the time to the first answer, on whatever machine."""
        assert cpu_of(serving.process.pid) < 1.5
        assert memory_of(serving.process.pid) < 120 * MEBIBYTE


class TestLeaving:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_it_leaves_when_told(self, tmp_path: Path, number: signal.Signals) -> None:
        """With exit code 0 and without a word, whatever ignored the signals further up."""
        file = write_settings(tmp_path)
        plain = ["env", "--default-signal"]
        with running("serve", "-c", file, folder=tmp_path, until=LISTENS, by=plain) as started:
            started.process.send_signal(number)
            assert started.process.wait(20) == 0
            assert len(started.said().splitlines()) == 1

    @pytest.mark.parametrize("workers", [1, 2])
    def test_nohup_is_respected(self, tmp_path: Path, workers: int) -> None:
        """Who starts it so that it outlives a terminal means it."""
        file = write_settings(tmp_path)
        arguments = ("serve", "-c", file, "--workers", workers)
        nohup = ["nohup"]
        with running(*arguments, folder=tmp_path, until=LISTENS, by=nohup) as started:
            started.process.send_signal(signal.SIGHUP)
            time.sleep(0.3)
            url = f"http://127.0.0.1:{started.port}/paywall/v1/products"
            assert call(url).status == 200
            assert started.stop() == 0

    def test_what_is_in_flight_is_finished(self, tmp_path: Path) -> None:
        """New connections are refused meanwhile, idle ones closed."""
        file = write_settings(tmp_path)
        with running("serve", "-c", file, folder=tmp_path, until=LISTENS) as started:
            port = started.port
            with closing(connected(port)) as idle, closing(half_asked(port)) as asking:
                started.process.send_signal(signal.SIGTERM)
                assert rest(idle) == b""
                with pytest.raises(ConnectionRefusedError):
                    connected(port)
                asking.sendall(QUOTE[-1:])
                answer = rest(asking)
            assert b"Connection: close" in answer
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"]
            assert started.process.wait(20) == 0

    def test_who_hurries_is_not_kept_waiting(self, tmp_path: Path) -> None:
        """A second interrupt ends the drain."""
        file = write_settings(tmp_path)
        with running("serve", "-c", file, folder=tmp_path, until=LISTENS) as started:
            with closing(half_asked(started.port)):
                started.process.send_signal(signal.SIGINT)
                time.sleep(0.3)
                assert started.process.poll() is None
                began = time.monotonic()
                started.process.send_signal(signal.SIGINT)
                assert started.process.wait(20) == 0
            assert time.monotonic() - began < 10


class TestAddress:
    def test_no_host_means_every_address(self, tmp_path: Path) -> None:
        """Of both families, where the machine has them."""
        file = write_settings(tmp_path, {"server": {"address": ":0"}})
        line = r"listens on http://0\.0\.0\.0:(?P<port>\d+)"
        with running("serve", "-c", file, folder=tmp_path, until=line) as started:
            for host in ["127.0.0.1", *(["[::1]"] if _has_ipv6() else [])]:
                url = f"http://{host}:{started.port}/paywall/v1/products"
                assert call(url).status == 200


def _has_ipv6() -> bool:
    try:
        with closing(socket.socket(socket.AF_INET6)) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


class TestSettings:
    def test_times_are_applied(self, tmp_path: Path) -> None:
        """To requests that do not arrive, and to connections that rest."""
        times = {"read_timeout": "400ms", "idle_timeout": "1s"}
        file = write_settings(tmp_path, {"server": times})
        with running("serve", "-c", file, folder=tmp_path, until=LISTENS) as started:
            with closing(half_asked(started.port)) as slow:
                assert rest(slow) == b""
            with closing(connected(started.port)) as resting:
                resting.sendall(b"GET /paywall/v1/products HTTP/1.1\r\nHost: x\r\n\r\n")
                began = time.monotonic()
                assert rest(resting).startswith(b"HTTP/1.1 200")
                assert time.monotonic() - began > 0.7

    def test_the_log_is_as_the_settings_say(self, tmp_path: Path) -> None:
        """JSON lines; what is set to no effect is named at the start, secrets are not."""
        settings = {
            "logging": {"level": "info", "format": "json"},
            "callbacks": {"payment_success_url": "https://shop.example/paid"},
            "server": {"admin_metrics_api_key": "metrics-key-77"},
        }
        file = write_settings(tmp_path, settings)
        key = {"MONITORING_HEADER_AUTHORIZATION": "Bearer monitoring-77"}
        with running("serve", "-c", file, folder=tmp_path, until=LISTENS, **key) as started:
            call(f"http://127.0.0.1:{started.port}/paywall/v1/products?key=metrics-key-77")
            assert started.stop() == 0
            lines = started.said().splitlines()
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        assert len(entries) == len(lines) - 1
        messages = [entry["message"] for entry in entries]
        assert any("callbacks.payment_success_url" in message for message in messages)
        (request,) = [entry for entry in entries if entry.get("route")]
        assert (request["method"], request["status"]) == ("GET", 200)
        assert request["pid"] == started.process.pid
        assert "-77" not in started.said()


class TestWorker:
    def test_it_works_until_told(self, tmp_path: Path) -> None:
        """Beside a gateway that leaves the background work to it."""
        file = write_settings(tmp_path)
        other = tmp_path / "other"
        other.mkdir()
        arguments = ("serve", "-c", file, "--no-background")
        with (
            running(*arguments, folder=tmp_path, until=LISTENS),
            running("worker", "-c", file, folder=other, until="works") as worker,
        ):
            os.kill(worker.process.pid, signal.SIGINT)
            assert worker.process.wait(20) == 0
