"""What an option's text means: tables of good and bad ones, and any text at all."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.python.systemd import ListenFDs

from udpecho.guard.policy import network, source_ports
from udpecho.hosts import DEFAULT_PORT, host_and_port, ip_address
from udpecho.server.addresses import InheritedSocket, UdpAddress, everywhere, listen
from udpecho.values import number, one_of, port_number, seconds, whole_number

INHERITED = ListenFDs([3, 4, 5], ("dns", "echo", "echo6"))
NONE_INHERITED = ListenFDs([], ())


def listened(text: str) -> object:
    return listen(text, INHERITED)


def uninherited(text: str) -> object:
    return listen(text, NONE_INHERITED)


Coercer = Callable[[str], Any]
PORT, PORT_0 = port_number("--port"), port_number("--port", lowest=0)
ADDRESS, SECONDS = ip_address("--interface"), seconds("--timeout")
NUMBER, WORD = whole_number("--retries", 0, 20), one_of("--accept", ("any", "matching"))
DECIMAL = number("-i", 0.0001, 86400)
NETWORK, PORTS = network("--allow"), source_ports("--allow-source-port")

GOOD: list[tuple[str, Coercer, str, object]] = [
    ("the lowest port", PORT, "1", 1),
    ("the highest port", PORT, "65535", 65535),
    ("leading zeros are no octal", PORT, "00053", 53),
    ("0 where the kernel may choose", PORT_0, "0", 0),
    ("IPv4", ADDRESS, "192.0.2.1", "192.0.2.1"),
    ("IPv6 in canonical form", ADDRESS, "2001:DB8:0:0::1", "2001:db8::1"),
    ("IPv6 in brackets", ADDRESS, "[::1]", "::1"),
    ("a link-local address keeps its scope", ADDRESS, "fe80::1%eth0", "fe80::1%eth0"),
    ("whole seconds", SECONDS, "2", 2.0),
    ("a part of a second", SECONDS, ".05", 0.05),
    ("a day", SECONDS, "86400", 86400.0),
    ("the lowest number", NUMBER, "0", 0),
    ("the highest number", NUMBER, "20", 20),
    ("a number", DECIMAL, "0.5", 0.5),
    ("a number as C writes it", DECIMAL, "1.e-3", 0.001),
    ("a word of the list", WORD, "matching", "matching"),
    ("a network", NETWORK, "192.0.2.0/24", ip_network("192.0.2.0/24")),
    ("one address is a network", NETWORK, "2001:db8::1", ip_network("2001:db8::1/128")),
    ("ports and ranges", PORTS, "53,5000-5002", frozenset({53, 5000, 5001, 5002})),
    ("a name", host_and_port, "echo.example", ("echo.example", DEFAULT_PORT)),
    ("a name and a port", host_and_port, "echo.example:7", ("echo.example", 7)),
    ("an IPv4 address", host_and_port, "192.0.2.1", ("192.0.2.1", DEFAULT_PORT)),
    ("an IPv4 address and a port", host_and_port, "192.0.2.1:7", ("192.0.2.1", 7)),
    ("IPv6 without a port", host_and_port, "2001:db8::7", ("2001:db8::7", DEFAULT_PORT)),
    ("IPv6 in brackets", host_and_port, "[2001:db8::7]", ("2001:db8::7", DEFAULT_PORT)),
    ("IPv6 and a port", host_and_port, "[2001:db8::7]:7", ("2001:db8::7", 7)),
    ("a scope and a port", host_and_port, "[fe80::1%eth0]:7", ("fe80::1%eth0", 7)),
    ("both families", listened, "udp:7", everywhere(7)),
    ("a port of the kernel's choice", listened, "udp:0", everywhere(0)),
    (
        "one address",
        listened,
        "udp:7:interface=192.0.2.1",
        (UdpAddress(7, "192.0.2.1"),),
    ),
    ("IPv6 in brackets", listened, "udp:7:interface=[::1]", (UdpAddress(7, "::1"),)),
    ("escaped as in Twisted", listened, r"udp:7:interface=\:\:1", (UdpAddress(7, "::1"),)),
    (
        "shared with other processes",
        listened,
        "udp:7:interface=[::1]:reusePort=yes",
        (UdpAddress(7, "::1", reuse_port=True),),
    ),
    ("inherited, by number", listened, "systemd:index=1", (InheritedSocket(4),)),
    ("inherited, by name", listened, "systemd:name=dns", (InheritedSocket(3),)),
]

LISTEN = (
    "--listen: expected udp:PORT[:interface=ADDRESS][:reusePort=yes], "
    "systemd:index=N or systemd:name=NAME, got {!r}"
)
FIELD = "--listen: expected interface or reusePort=VALUE, once, after the colon, got {!r}"
WHICH = "--listen: expected index or name=VALUE, once, after the colon, got {!r}"
TARGET = "HOST[:PORT]: expected a host, HOST:PORT or [IPv6]:PORT, got {!r}"
TARGET_PORT = "HOST[:PORT]: expected a port from 1 to 65535, got {!r}"
PORT_IS = "--port: expected a port from 1 to 65535, got {!r}"
SECONDS_ARE = "--timeout: expected seconds above 0, a day at most, got {!r}"
NUMBER_IS = "--retries: expected a whole number from 0 to 20, got {!r}"
DECIMAL_IS = "-i: expected a number from 0.0001 to 86400, got {!r}"
ADDRESS_IS = "--interface: expected an IPv4 or IPv6 address, got {!r}"

BAD: list[tuple[str, Coercer, str, str]] = [
    ("0 asks for a reply to nowhere", PORT, "0", PORT_IS),
    ("one more than there are", PORT, "65536", PORT_IS),
    ("negative", PORT, "-1", PORT_IS),
    ("a service's name", PORT, "echo", PORT_IS),
    ("nothing", PORT, "", PORT_IS),
    ("digits, but not ours", PORT, "\u0667", PORT_IS),
    ("a line's end", PORT, "7\n", PORT_IS),
    ("Python would take it", PORT, "1_0", PORT_IS),
    ("a name", ADDRESS, "localhost", ADDRESS_IS),
    ("five bytes", ADDRESS, "1.2.3.4.5", ADDRESS_IS),
    ("two ::", ADDRESS, "::1::", ADDRESS_IS),
    ("an IPv4 address has no scope", ADDRESS, "192.0.2.1%eth0", ADDRESS_IS),
    ("an empty scope", ADDRESS, "fe80::1%", ADDRESS_IS),
    ("NUL", ADDRESS, "::1\0", ADDRESS_IS),
    ("no time", SECONDS, "0", SECONDS_ARE),
    ("back in time", SECONDS, "-1", SECONDS_ARE),
    ("more than a day", SECONDS, "86401", SECONDS_ARE),
    ("for ever", SECONDS, "inf", SECONDS_ARE),
    ("not a number", SECONDS, "nan", SECONDS_ARE),
    ("a unit", SECONDS, "5s", SECONDS_ARE),
    ("Python would take it", SECONDS, "1_0", SECONDS_ARE),
    ("Python would take it", DECIMAL, "1_0", DECIMAL_IS),
    ("Python would take it", DECIMAL, " 1", DECIMAL_IS),
    ("digits, but not ours", DECIMAL, "\u0667", DECIMAL_IS),
    ("negative", DECIMAL, "-1", DECIMAL_IS),
    ("not a number", DECIMAL, "nan", DECIMAL_IS),
    ("for ever", DECIMAL, "inf", DECIMAL_IS),
    ("more than a float holds", DECIMAL, "1e999", DECIMAL_IS),
    ("hexadecimal, to C", DECIMAL, "0x1p3", DECIMAL_IS),
    ("two points", DECIMAL, "1.2.3", DECIMAL_IS),
    ("nothing but a point", DECIMAL, ".", DECIMAL_IS),
    ("above the bound", NUMBER, "21", NUMBER_IS),
    ("not whole", NUMBER, "1.5", NUMBER_IS),
    ("very long", NUMBER, "9" * 50, NUMBER_IS),
    ("another word", WORD, "all", "--accept: expected one of any, matching, got {!r}"),
    ("nothing", host_and_port, "", TARGET),
    ("no host", host_and_port, ":7", TARGET),
    ("IPv6 and a port, without brackets", host_and_port, "2001:db8::g:7", TARGET),
    ("an open bracket", host_and_port, "[::1", TARGET),
    ("something after the bracket", host_and_port, "[::1]7", TARGET),
    ("no port after the colon", host_and_port, "192.0.2.1:", TARGET_PORT.format("")),
    ("port 0", host_and_port, "192.0.2.1:0", TARGET_PORT.format("0")),
    ("a port that is a name", host_and_port, "[::1]:echo", TARGET_PORT.format("echo")),
    (
        "a name in brackets",
        host_and_port,
        "[localhost]:7",
        "HOST[:PORT]: expected an IPv4 or IPv6 address, got 'localhost'",
    ),
    (
        "IPv4 in brackets",
        host_and_port,
        "[192.0.2.1]:7",
        "HOST[:PORT]: expected an IPv6 address in the brackets, got {!r}",
    ),
    ("nothing", listened, "", LISTEN),
    ("no port", listened, "udp", LISTEN),
    ("TCP", listened, "tcp:7", LISTEN),
    ("a port alone", listened, "7", LISTEN),
    ("too much", listened, "systemd:index=0:name=dns", LISTEN),
    (
        "a port that can't be",
        listened,
        "udp:70000",
        "--listen udp:PORT: expected a port from 0 to 65535, got '70000'",
    ),
    (
        "a name for an address",
        listened,
        "udp:7:interface=localhost",
        "--listen interface=: expected an IPv4 or IPv6 address, got 'localhost'",
    ),
    ("IPv6 without brackets", listened, "udp:7:interface=::1", FIELD),
    ("twice", listened, "udp:7:interface=::1:interface=::1", FIELD),
    ("an unknown field", listened, "udp:7:address=127.0.0.1", FIELD),
    (
        "neither yes nor no",
        listened,
        "udp:7:reusePort=maybe",
        "--listen reusePort=: expected one of no, yes, got 'maybe'",
    ),
    ("neither index nor name", listened, "systemd:fd=3", WHICH),
    (
        "more than there are",
        listened,
        "systemd:index=3",
        "--listen systemd:index=: expected a whole number from 0 to 2, got '3'",
    ),
    (
        "no such name",
        listened,
        "systemd:name=ntp",
        "--listen systemd:name=: expected the name of an inherited socket (dns, echo, echo6), "
        "got 'ntp'",
    ),
    (
        "nothing inherited",
        uninherited,
        "systemd:index=0",
        "--listen: expected sockets inherited from systemd (LISTEN_FDS), of which there are none, "
        "got {!r}",
    ),
    (
        "nothing inherited, and so no name",
        uninherited,
        "systemd:name=dns",
        "--listen systemd:name=: expected the name of an inherited socket (none), got 'dns'",
    ),
]


@pytest.mark.parametrize(
    ("reason", "coerce", "text", "value"), GOOD, ids=[f"{row[0]}: {row[2]}" for row in GOOD]
)
def test_good(reason: str, coerce: Coercer, text: str, value: object) -> None:
    assert coerce(text) == value, reason


@pytest.mark.parametrize(
    ("reason", "coerce", "text", "line"), BAD, ids=[f"{row[0]}: {row[2][:40]!r}" for row in BAD]
)
def test_bad(reason: str, coerce: Coercer, text: str, line: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        coerce(text)
    assert str(caught.value) == line.format(text), reason


OPTIONS: list[tuple[Coercer, str]] = [
    (PORT, "--port: "),
    (PORT_0, "--port: "),
    (ADDRESS, "--interface: "),
    (SECONDS, "--timeout: "),
    (NUMBER, "--retries: "),
    (DECIMAL, "-i: "),
    (WORD, "--accept: "),
    (NETWORK, "--allow: "),
    (PORTS, "--allow-source-port: "),
    (host_and_port, "HOST[:PORT]: "),
    (listened, "--listen"),
    (uninherited, "--listen"),
]

PIECES = ["udp", "systemd", ":", "=", "[", "]", "\\", "interface", "index", "name", "reusePort"]
VALUES = [
    "yes",
    "7",
    "0",
    "65536",
    "::1",
    "192.0.2.1",
    "fe80::1%",
    "/24",
    ",",
    "-",
    ".",
    "\n",
    "\0",
]
NEARLY = st.lists(st.sampled_from(PIECES + VALUES)).map("".join)


@given(option=st.sampled_from(OPTIONS), text=st.one_of(st.text(), NEARLY))
def test_any_text(option: tuple[Coercer, str], text: str) -> None:
    """Whatever is typed gives a value, or one line of error that begins with the option."""
    coerce, begins = option
    try:
        value = coerce(text)
    except ValueError as error:
        line = str(error)
        assert line.startswith(begins)
        assert len(line.splitlines()) == 1
        assert line.isprintable()
    else:
        assert value is not None


@given(st.integers(1, 65535), st.ip_addresses())
def test_host_and_port_of_any_address(port: int, address: Any) -> None:
    """Every address and port that can be written can be read."""
    text = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    assert host_and_port(text) == (str(address), port)
