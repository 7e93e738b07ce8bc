"""Networks as text, and the longest prefix that holds an address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.guard.prefixes import LOOPBACK, Network, Prefixes, parse_network


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        (" 10.0.0.0/8 ", "10.0.0.0/8"),  # a space is what a shell script leaves
        ("192.0.2.1", "192.0.2.1/32"),  # an address alone is a network of one
        ("2001:db8::/32", "2001:db8::/32"),
        ("2001:DB8::1", "2001:db8::1/128"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_is_read(text: str, network: str) -> None:
    assert parse_network(text) == ip_network(network)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com",
        "192.0.2.0/33",
        "192.0.2/24",
        "2001:db8::/129",
        "192.0.2.0/-1",
        "192.0.2.0/",
        "192.0.2.0/24/24",
        "192.0.2.0/255.255.255.0",  # easily read as an inverted mask: say the length
        "fe80::%eth0/64",  # a scope names an interface of ours, not a network
        "\uff11\uff10.0.0.0/8",  # digits, but not the ASCII ones
    ],
)
def test_what_is_no_network_is_told_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a network such as .*, not .*$") as caught:
        parse_network(text)
    assert repr(text) in str(caught.value)


def test_an_address_inside_a_network_is_told_the_network() -> None:
    with pytest.raises(ValueError, match=r"not '192\.0\.2\.77/24': .* 192\.0\.2\.0/24 has none"):
        parse_network("192.0.2.77/24")


@pytest.mark.parametrize(
    ("address", "value"),
    [
        ("10.1.2.3", "longest"),
        ("10.1.3.3", "longer"),
        ("10.2.0.0", "short"),
        ("11.0.0.0", None),
        ("2001:db8::1", "six"),
        ("::10.1.2.3", None),  # the same number in the other family is another address
    ],
)
def test_the_longest_prefix_wins(address: str, value: str | None) -> None:
    prefixes = Prefixes(
        {
            ip_network("10.0.0.0/8"): "short",
            ip_network("10.1.2.0/24"): "longest",
            ip_network("10.1.0.0/16"): "longer",
            ip_network("2001:db8::/32"): "six",
        }
    )
    assert prefixes.lookup(ip_address(address).packed) == value


def test_loopback_is_both_families() -> None:
    loopback = Prefixes(dict.fromkeys(LOOPBACK, True))
    assert loopback.lookup(ip_address("127.255.0.1").packed)
    assert loopback.lookup(ip_address("::1").packed)
    assert not loopback.lookup(ip_address("::2").packed)
    assert loopback.first_bytes(4) == {127}
    assert loopback.first_bytes(16) == {0}


# Few distinct bits, so that networks overlap and addresses hit them.
_few4 = st.integers(0, 2**32 - 1).map(lambda number: number & 0xC3000181)
_few6 = st.integers(0, 2**128 - 1).map(lambda number: number & 0xC3 << 120 | number & 0x1C3)
_networks = st.one_of(
    st.builds(
        lambda address, length: IPv4Network((address, length), strict=False),
        _few4,
        st.integers(0, 32),
    ),
    st.builds(
        lambda address, length: IPv6Network((address, length), strict=False),
        _few6,
        st.integers(0, 128),
    ),
)
_addresses = st.one_of(_few4.map(IPv4Address), _few6.map(IPv6Address))


@given(st.dictionaries(_networks, st.integers(), max_size=12), st.lists(_addresses, max_size=8))
def test_a_lookup_agrees_with_asking_every_network(
    values: dict[Network, int], addresses: list[IPv4Address | IPv6Address]
) -> None:
    prefixes = Prefixes(values)
    for address in addresses:
        holding = [network for network in values if address in network]
        longest = max(holding, key=lambda network: network.prefixlen, default=None)
        expected = values[longest] if longest is not None else None
        assert prefixes.lookup(address.packed) == expected
        if holding:
            assert address.packed[0] in prefixes.first_bytes(len(address.packed))
