"""Why a probe was refused, in the words that iputils' ping has for it."""

from __future__ import annotations

from errno import errorcode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.instrument.probe import ProbeFate
from udpecho.ping.outcome import Outcome
from udpecho.show.icmp import refusal_text

FOUR, SIX = ("192.0.2.9", 0), ("2001:db8::9", 0)


def refused(
    icmp_type: int | None = None, icmp_code: int | None = None, mtu: int | None = None
) -> Outcome:
    return Outcome(
        ProbeFate.REFUSED, 0, peer=FOUR, icmp_type=icmp_type, icmp_code=icmp_code, mtu=mtu
    )


BY_ICMP: list[tuple[int, int, int | None, str]] = [
    # (type, code, MTU, as pr_icmph prints it: iputils, ping/ping.c)
    (3, 0, None, "Destination Net Unreachable"),
    (3, 1, None, "Destination Host Unreachable"),
    (3, 2, None, "Destination Protocol Unreachable"),
    (3, 3, None, "Destination Port Unreachable"),
    (3, 4, 1300, "Frag needed and DF set (mtu = 1300)"),
    (3, 5, None, "Source Route Failed"),
    (3, 6, None, "Destination Net Unknown"),
    (3, 7, None, "Destination Host Unknown"),
    (3, 8, None, "Source Host Isolated"),
    (3, 9, None, "Destination Net Prohibited"),
    (3, 10, None, "Destination Host Prohibited"),
    (3, 11, None, "Destination Net Unreachable for Type of Service"),
    (3, 12, None, "Destination Host Unreachable for Type of Service"),
    (3, 13, None, "Packet filtered"),
    (3, 14, None, "Precedence Violation"),
    (3, 15, None, "Precedence Cutoff"),
    (3, 16, None, "Dest Unreachable, Bad Code: 16"),
    (4, 0, None, "Source Quench"),
    (11, 0, None, "Time to live exceeded"),
    (11, 1, None, "Frag reassembly time exceeded"),
    (11, 2, None, "Time exceeded, Bad Code: 2"),
    (12, 0, None, "Parameter problem"),
    (77, 0, None, "Bad ICMP type: 77"),
]

BY_ICMP6: list[tuple[int, int, int | None, str]] = [
    # (type, code, MTU, as print_icmp prints it: iputils, ping/ping6_common.c)
    (1, 0, None, "Destination unreachable: No route"),
    (1, 1, None, "Destination unreachable: Administratively prohibited"),
    (1, 2, None, "Destination unreachable: Beyond scope of source address"),
    (1, 3, None, "Destination unreachable: Address unreachable"),
    (1, 4, None, "Destination unreachable: Port unreachable"),
    (1, 5, None, "Destination unreachable: Source address failed ingress/egress policy"),
    (1, 6, None, "Destination unreachable: Reject route to destination"),
    (1, 7, None, "Destination unreachable: Unknown code 7"),
    (2, 0, 1300, "Packet too big: mtu=1300"),
    (3, 0, None, "Time exceeded: Hop limit"),
    (3, 1, None, "Time exceeded: Defragmentation failure"),
    (3, 2, None, "Time exceeded: code 2"),
    (4, 1, None, "Parameter problem"),
    (77, 0, None, "unknown icmp type: 77"),
]


@pytest.mark.parametrize(("icmp_type", "icmp_code", "mtu", "text"), BY_ICMP)
def test_icmp_is_worded_as_iputils_does(
    icmp_type: int, icmp_code: int, mtu: int | None, text: str
) -> None:
    assert refusal_text(refused(icmp_type, icmp_code, mtu)) == text


@pytest.mark.parametrize(("icmp_type", "icmp_code", "mtu", "text"), BY_ICMP6)
def test_icmpv6_is_worded_as_iputils_does(
    icmp_type: int, icmp_code: int, mtu: int | None, text: str
) -> None:
    assert refusal_text(refused(icmp_type, icmp_code, mtu)._replace(peer=SIX)) == text


@pytest.mark.parametrize(
    ("reason", "by_icmp", "by_us"),
    [
        ("ECONNREFUSED", "Destination Port Unreachable", "ECONNREFUSED"),
        ("EHOSTUNREACH", "Destination Host Unreachable", "No route to host"),
        ("ENETUNREACH", "Destination Net Unreachable", "Network is unreachable"),
        ("EACCES", "Packet filtered", "Permission denied"),
        ("ETIME", "Time to live exceeded", "ETIME"),
        ("EPERM", "EPERM", "Operation not permitted"),
        ("EMSGSIZE", "Frag needed and DF set", "Message too long"),
        (None, "refused", "refused"),
    ],
)
def test_without_a_type_the_errno_says_it(reason: str | None, by_icmp: str, by_us: str) -> None:
    """Of what a reactor's own port hears, of old records, and of our own kernel's word."""
    outcome = refused()._replace(reason=reason)
    assert refusal_text(outcome) == by_icmp
    assert refusal_text(outcome._replace(peer=None)) == by_us


def test_our_own_kernel_tells_the_mtu_too() -> None:
    outcome = refused(mtu=1280)._replace(peer=None, reason="EMSGSIZE")
    assert refusal_text(outcome) == "Message too long, mtu=1280"


@given(
    st.sampled_from([None, FOUR, SIX]),
    st.none() | st.integers(0, 255),
    st.none() | st.integers(0, 255),
    st.none() | st.integers(0, 2**32),
    st.none() | st.sampled_from(sorted(errorcode.values())),
)
def test_whatever_the_message_it_has_a_word(
    peer: tuple[str, int] | None,
    icmp_type: int | None,
    icmp_code: int | None,
    mtu: int | None,
    reason: str | None,
) -> None:
    text = refusal_text(refused(icmp_type, icmp_code, mtu)._replace(peer=peer, reason=reason))
    assert text.isprintable()
    assert text.strip() == text != ""
