"""Every range of the filter, and every way to write an address of one inside another family."""

import ipaddress

import pytest

from kit.addresses import is_forbidden

RANGES = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24"),
    *("192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    *("::/128", "::1/128", "2001:db8::/32", "fc00::/7", "fe80::/10", "ff00::/8"),
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808"]


@pytest.mark.parametrize("network", RANGES)
def test_the_first_and_last_address_of_every_range_are_forbidden(network: str) -> None:
    """Wire contract §3.4."""
    parsed = ipaddress.ip_network(network)
    assert is_forbidden(str(parsed[0]))
    assert is_forbidden(str(parsed[-1]))


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_is_not(address: str) -> None:
    assert not is_forbidden(address)


@pytest.mark.parametrize("inner", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "255.255.255.255", "0.0.0.0"])
def test_an_inner_ipv4_address_is_judged_as_what_it_is(inner: str) -> None:
    number = int(ipaddress.IPv4Address(inner))
    high, low = number >> 16, number & 0xFFFF
    for written in (
        f"::ffff:{inner}",
        f"::{high:x}:{low:x}",
        f"64:ff9b::{high:x}:{low:x}",
        f"2002:{high:x}:{low:x}::1",
        f"2001:0:101:101:0:0:{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}",
        f"2001:0:{high:x}:{low:x}:0:0:fefe:fefe",
    ):
        assert is_forbidden(written), written


@pytest.mark.parametrize("address", ["fe80::1%eth0", "not an address", "", "127.1", "0x7f000001", "2130706433"])
def test_what_is_scoped_or_no_plain_address_is_forbidden(address: str) -> None:
    assert is_forbidden(address)
