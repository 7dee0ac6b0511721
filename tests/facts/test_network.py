"""Hosts and ports are read in every form in which people and peers write them."""

from __future__ import annotations

import pytest

from neasmart.facts.network import host_and_port, ip_address, ip_network, joined


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("house.local:5001", "house.local", 5001),
        ("house.local", "house.local", None),
        ("[fe80::1]:502", "fe80::1", 502),
        ("[fe80::1]", "fe80::1", None),
        (":0", "", 0),
        ("host:", "host:", None),
        ("host:65536", "host:65536", None),
        ("host:99999999999999999999", "host:99999999999999999999", None),
        ("host:٣", "host:٣", None),
    ],
)
def test_a_host_and_its_port(text: str, host: str, port: int | None) -> None:
    assert host_and_port(text) == (host, port)


@pytest.mark.parametrize("host", ["house.local", "192.168.1.7", "fe80::1"])
def test_what_is_joined_can_be_read_again(host: str) -> None:
    assert host_and_port(joined(host, 502)) == (host, 502)


@pytest.mark.parametrize("text", ["192.168.1.7", "::ffff:192.168.1.7", "::ffff:c0a8:107"])
def test_an_address_is_the_same_in_every_form(text: str) -> None:
    assert str(ip_address(text)) == "192.168.1.7"


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        (" 192.168.1.7", "::ffff:192.168.1.7", "192.168.1.8"),
        ("::ffff:192.168.1.7", "192.168.1.7", "192.168.1.8"),
        ("::ffff:192.168.1.0/120", "192.168.1.7", "192.168.2.7"),
        ("::ffff:0:0/96", "192.168.1.7", "fd00::1"),
        ("fe80::/10", "fe80::1%eth0", "fd00::1"),
        ("::/0", "fd00::1", "192.168.1.7"),
    ],
)
def test_an_address_is_in_its_network_in_every_form(network: str, inside: str, outside: str) -> None:
    addresses = [ip_address(inside), ip_address(outside)]

    assert [address in ip_network(network) for address in addresses if address is not None] == [True, False]


@pytest.mark.parametrize("text", ["", "house.local", "192.168.1.7:502", "192.168.1", "192.168.1.7%eth0"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert ip_address(text) is None
