"""Which hosts are this machine itself."""

import pytest

from rotator.domain.hosts import is_loopback


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost", "keys.localhost", "127.0.0.1", "127.9.9.9", "::1"]
)
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "10.0.0.7", "::", "::2", "[::1]", "127.0.0.1.evil.example", "evil-localhost"],
)
def test_another(host: str) -> None:
    assert not is_loopback(host)
