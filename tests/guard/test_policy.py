"""What an operator may write, and what is told who writes something else."""

from __future__ import annotations

import pytest

from udpecho.guard.policy import Policy, parse_ports
from udpecho.guard.prefixes import parse_network


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("53", {53}),
        ("53,123", {53, 123}),
        ("5000-5003", {5000, 5001, 5002, 5003}),
        (" 53 , 60 - 61 ", {53, 60, 61}),
        ("1,65535", {1, 65535}),
        ("7-7", {7}),
    ],
)
def test_ports_are_read(text: str, ports: set[int]) -> None:
    assert parse_ports(text) == ports


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",  # nobody can be answered there
        "65536",
        "53,",
        "-53",
        "53-",
        "60-53",  # a range that is empty was meant otherwise
        "domain",
        "5 3",
        "1-2-3",
        "٥٣",  # digits, but not the ASCII ones
        "9" * 5000,  # int() itself would refuse with words of its own
    ],
)
def test_what_is_no_port_is_told_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected ports from 1 to 65535 .*$") as caught:
        parse_ports(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": -1}, "rate must be from 0 to 1000000000, not -1"),
        ({"rate": 10**9 + 1}, "rate must be from 0 to 1000000000, not 1000000001"),
        ({"burst": 0}, "burst must be from 1 to 1000000000, not 0"),
        ({"ipv4_prefix": 33}, "ipv4_prefix must be from 0 to 32, not 33"),
        ({"ipv6_prefix": 129}, "ipv6_prefix must be from 0 to 128, not 129"),
        ({"slip": 256}, "slip must be from 0 to 255, not 256"),
    ],
)
def test_a_number_out_of_range_is_named(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Policy(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("allow", "192.0.2.1", "a tuple of networks"),
        ("allow", ("192.0.2.0/24",), "a tuple of networks"),
        ("deny", parse_network("192.0.2.0/24"), "a tuple of networks"),
        ("exempt", None, "a tuple of networks"),
        ("allow_source_ports", "53", "a set of ports"),
        ("allow_source_ports", 53, "a set of ports"),
        ("allow_source_ports", {65536}, "a set of ports"),
        ("rate", "100", "a whole number"),
        ("rate", None, "a whole number"),
        ("burst", 1.5, "a whole number"),
        ("slip", True, "a whole number"),
    ],
)
def test_what_is_of_another_type_is_named(name: str, value: object, expected: str) -> None:
    with pytest.raises(TypeError) as caught:
        Policy(**{name: value})  # type: ignore[arg-type]
    assert str(caught.value) == f"{name} must be {expected}, not {value!r}"


def test_a_network_both_allowed_and_denied_is_a_contradiction() -> None:
    network = parse_network("192.0.2.0/24")
    message = r"^expected a network to be allowed or denied, got both for 192\.0\.2\.0/24$"
    with pytest.raises(ValueError, match=message):
        Policy(allow=(network,), deny=(network,))


def test_the_defaults_are_those_of_a_public_service() -> None:
    policy = Policy()
    assert (policy.rate, policy.burst, policy.slip) == (1000, 2000, 4)
    assert (policy.ipv4_prefix, policy.ipv6_prefix) == (24, 56)
    assert not any((policy.allow_source_ports, policy.keep_ttl, policy.discard))
