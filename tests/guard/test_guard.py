"""Who is answered and who is not, one datagram at a time and in batches, with the same verdict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpecho.columns import Columns
from udpecho.guard import guard as deciding
from udpecho.guard.guard import Guard
from udpecho.guard.policy import Policy
from udpecho.guard.prefixes import pack_host, parse_network
from udpecho.guard.ratelimit import MAX_RATE
from udpecho.guard.reasons import Reason

KEY = b"a key of sixteen"
CLIENT = ("192.0.2.1", 40000)
CLIENT6 = ("2001:db8::1", 40000)

Row = tuple[tuple[str, int], dict[str, object]]
"""Who sent a datagram, and what is known of it."""


def guard(**options: object) -> Guard:
    made = Guard(Policy(**options), key=KEY)  # type: ignore[arg-type]
    made.add_own_port(1060)
    return made


def networks(*texts: str) -> tuple[object, ...]:
    return tuple(map(parse_network, texts))


# The peer, what is known of the datagram, the policy, and the verdict with its reason.
VERDICTS = [
    (CLIENT, {}, {}, None, "an ordinary client"),
    (CLIENT6, {}, {}, None, "an ordinary client over IPv6"),
    (("127.0.0.1", 40000), {}, {}, None, "loopback is where most tests are made"),
    (("fe80::1%eth0", 40000), {}, {}, None, "a neighbour on the link"),
    # Ports.
    (("192.0.2.1", 0), {}, {}, Reason.PORT_ZERO, "there is no sender to reply to (RFC 768)"),
    (("192.0.2.1", 0), {}, {"allow_source_ports": frozenset({0})}, Reason.PORT_ZERO, "never"),
    (("192.0.2.1", 1060), {}, {}, Reason.OWN_PORT, "our own kind: they would never stop"),
    (("127.0.0.1", 1060), {}, {}, Reason.OWN_PORT, "ourselves"),
    (
        ("192.0.2.1", 1060),
        {},
        {"allow_source_ports": frozenset({1060})},
        Reason.OWN_PORT,
        "never, whatever is allowed",
    ),
    *(
        (("192.0.2.1", port), {}, {}, Reason.SERVICE_PORT, why)
        for port, why in [
            (1, "the first that is reserved"),
            (7, "echo: CVE-1999-0103"),
            (13, "daytime"),
            (17, "quote of the day"),
            (19, "chargen: CVE-1999-0103"),
            (37, "time"),
            (53, "DNS: CVE-2024-2169"),
            (69, "TFTP: CVE-2024-2169"),
            (123, "NTP: CVE-2024-2169"),
            (1023, "the last that is reserved"),
            (1434, "MS SQL's browser: CVE-2002-0650, the Slammer worm"),
            (1900, "SSDP"),
            (3702, "WS-Discovery"),
            (5353, "multicast DNS"),
            (11211, "memcached"),
        ]
    ),
    (("192.0.2.1", 1024), {}, {}, None, "the first that is not reserved"),
    (("192.0.2.1", 65535), {}, {}, None, "the last there is"),
    (
        ("192.0.2.1", 53),
        {},
        {"allow_source_ports": frozenset({53})},
        None,
        "nping sends from it: allowed by name",
    ),
    (
        ("192.0.2.1", 123),
        {},
        {"allow_source_ports": frozenset({53})},
        Reason.SERVICE_PORT,
        "an exception for one port is none for another",
    ),
    # Source addresses.
    (("0.0.0.0", 40000), {}, {}, Reason.UNSPECIFIED_SOURCE, "nobody"),
    (("0.1.2.3", 40000), {}, {}, Reason.UNSPECIFIED_SOURCE, "this network's: Linux routes it"),
    (("0.255.255.255", 40000), {}, {}, Reason.UNSPECIFIED_SOURCE, "the last"),
    (("1.0.0.0", 40000), {}, {}, None, "just above"),
    (("::", 40000), {}, {}, Reason.UNSPECIFIED_SOURCE, "nobody"),
    (("::2", 40000), {}, {}, None, "IPv6 has no network of them"),
    (("224.0.0.1", 40000), {}, {}, Reason.MULTICAST_SOURCE, "the first"),
    (("239.255.255.255", 40000), {}, {}, Reason.MULTICAST_SOURCE, "the last"),
    (("223.255.255.255", 40000), {}, {}, None, "just below"),
    (("240.0.0.1", 40000), {}, {}, None, "reserved, but one host's: Linux routes it"),
    (("255.255.255.255", 40000), {}, {}, Reason.BROADCAST_SOURCE, "all at once"),
    (("ff02::1", 40000), {}, {}, Reason.MULTICAST_SOURCE, "all nodes"),
    (("::ffff:127.0.0.1", 40000), {}, {}, Reason.MAPPED_SOURCE, "reaches into loopback"),
    (("::ffff:192.0.2.1", 40000), {}, {}, Reason.MAPPED_SOURCE, "no IPv6 host has it"),
    (("::fffe:192.0.2.1", 40000), {}, {}, None, "looks like it, but is not"),
    # Where it was sent.
    (CLIENT, {"asked": "198.51.100.1", "local": "198.51.100.1"}, {}, None, "us"),
    (CLIENT, {"asked": "255.255.255.255"}, {}, Reason.BROADCAST, "all on the link"),
    (
        CLIENT,
        {"asked": "198.51.100.255", "local": "198.51.100.1"},
        {},
        Reason.BROADCAST,
        "all on a subnet, which only the kernel can tell",
    ),
    (CLIENT, {"asked": "198.51.100.255"}, {}, None, "where the kernel did not tell"),
    (
        CLIENT,
        {"asked": "198.51.100.1", "local": "0.0.0.0"},
        {},
        None,
        "queued before the socket was asked to tell, as by systemd",
    ),
    (
        CLIENT,
        {"asked": "224.0.0.251", "local": "198.51.100.1"},
        {},
        Reason.MULTICAST,
        "a group, by its own name rather than as a broadcast",
    ),
    (CLIENT6, {"asked": "ff02::1"}, {}, Reason.MULTICAST, "a group"),
    (CLIENT6, {"asked": "2001:db8::2", "local": "2001:db8::2"}, {}, None, "us"),
    # Hops.
    (CLIENT, {"ttl": 2}, {}, None, "a reply may leave with 1"),
    (CLIENT, {"ttl": 1}, {}, Reason.TTL_SPENT, "a reply can't leave with 0: so loops end"),
    (CLIENT, {"ttl": 0}, {}, Reason.TTL_SPENT, "loopback delivers even that"),
    (CLIENT, {"ttl": 1}, {"keep_ttl": True}, None, "it takes what it brought back"),
    (CLIENT, {"ttl": 0}, {"keep_ttl": True}, Reason.TTL_SPENT, "nothing can be sent with that"),
    # Who may ask.
    (CLIENT, {}, {"deny": networks("192.0.2.0/24")}, Reason.DENIED, "denied"),
    (CLIENT, {}, {"deny": networks("198.51.100.0/24")}, None, "another is denied"),
    (CLIENT, {}, {"allow": networks("192.0.2.0/24")}, None, "allowed"),
    (CLIENT, {}, {"allow": networks("198.51.100.0/24")}, Reason.DENIED, "only others are"),
    (CLIENT6, {}, {"allow": networks("192.0.2.0/24")}, Reason.DENIED, "nor the other family"),
    (
        CLIENT,
        {},
        {"deny": networks("0.0.0.0/0"), "allow": networks("192.0.2.0/24")},
        None,
        "the longer prefix decides",
    ),
    (
        CLIENT,
        {},
        {"allow": networks("192.0.0.0/16"), "deny": networks("192.0.2.0/24")},
        Reason.DENIED,
        "the longer prefix decides",
    ),
    (("127.0.0.1", 40000), {}, {"allow": networks("10.0.0.0/8")}, Reason.DENIED, "exempt, no more"),
    (
        ("224.0.0.1", 40000),
        {},
        {"allow": networks("0.0.0.0/0")},
        Reason.MULTICAST_SOURCE,
        "no network allows what can't be a source",
    ),
    # The order, where several apply: the sender's fault before the address's before ours.
    (("0.0.0.0", 0), {"ttl": 1}, {}, Reason.PORT_ZERO, "the port first"),
    (("0.0.0.0", 40000), {"ttl": 1}, {}, Reason.UNSPECIFIED_SOURCE, "then the source"),
    (CLIENT, {}, {"discard": True}, Reason.DISCARDED, "RFC 863"),
    (("192.0.2.1", 0), {}, {"discard": True}, Reason.PORT_ZERO, "counted by what was wrong"),
]


def columns(*rows: Row) -> Columns:
    """Lay datagrams out as the kernel would; all of them know the same things.

    What has a segment is a train of datagrams with this many bytes, of size bytes in all.
    """

    def packed(name: str) -> bytes:
        return b"".join(pack_host(str(known[name])) for _, known in rows if name in known)

    def numbers(name: str) -> dict[int, int]:
        return {at: int(str(row[1][name])) for at, row in enumerate(rows) if name in row[1]}

    return Columns(
        b"".join(port.to_bytes(2, "big") for (_, port), _ in rows),
        b"".join(pack_host(host) for (host, _), _ in rows),
        packed("asked"),
        packed("local"),
        bytes(numbers("ttl").values()),
        sizes=list(numbers("size").values()),
        trains=numbers("segment"),
    )


def one(judged: Guard, peer: tuple[str, int], now: float, /, **known: object) -> Reason | None:
    """Judge a datagram, or a train of them, by itself."""
    return judged.judge(columns((peer, known)), now).get(0)


@pytest.mark.parametrize(("peer", "known", "options", "verdict", "why"), VERDICTS)
def test_one_datagram(
    peer: tuple[str, int],
    known: dict[str, object],
    options: dict[str, object],
    verdict: Reason | None,
    why: str,
) -> None:
    assert one(guard(**options), peer, 0.0, **known) is verdict, why


@pytest.mark.parametrize(("peer", "known", "options", "verdict", "why"), VERDICTS)
def test_the_same_datagram_among_others(
    peer: tuple[str, int],
    known: dict[str, object],
    options: dict[str, object],
    verdict: Reason | None,
    why: str,
) -> None:
    """In the middle of a batch of ordinary ones only that one is refused."""
    usual: dict[str, object] = {"ttl": 64}
    usual["asked"] = usual["local"] = "2001:db8::9" if ":" in peer[0] else "198.51.100.9"
    usual = {name: usual[name] for name in known}
    other = ("2001:db8:5::1", 50000) if ":" in peer[0] else ("203.0.113.5", 50000)
    judged = guard(**options)
    without = one(judged, other, 0.0, **usual)
    batch = columns((other, usual), (peer, known), (other, usual))
    expected = {0: without, 1: verdict, 2: without}
    found = judged.judge(batch, 0.0)
    assert found == {index: reason for index, reason in expected.items() if reason}, why


def test_an_empty_batch_is_no_trouble() -> None:
    assert guard().judge(Columns(b"", b""), 0.0) == {}


def test_a_prefix_is_limited_as_one() -> None:
    judged = guard(rate=10, burst=4, slip=0)
    neighbours = [(f"192.0.2.{number}", 40000) for number in range(6)]
    verdicts = [one(judged, peer, 1.0) for peer in neighbours]
    assert verdicts == [None] * 4 + [Reason.OVER_RATE] * 2
    assert one(judged, ("192.0.3.1", 40000), 1.0) is None
    assert one(judged, CLIENT, 1.1) is None, "a tenth of a second brings one more"
    assert one(judged, CLIENT, 1.1) is Reason.OVER_RATE


@pytest.mark.parametrize(
    ("options", "peer", "limited"),
    [
        ({}, ("127.0.0.1", 40000), False),  # loopback is exempt by default
        ({}, ("::1", 40000), False),
        ({"exempt": ()}, ("127.0.0.1", 40000), True),
        ({"exempt": networks("192.0.2.0/24")}, CLIENT, False),
        ({"exempt": networks("192.0.2.0/25")}, ("192.0.2.200", 40000), True),
        ({"rate": 0}, CLIENT, False),  # no limit
        ({"rate": 0, "exempt": ()}, CLIENT6, False),
    ],
)
def test_who_is_limited(options: dict[str, object], peer: tuple[str, int], limited: bool) -> None:
    judged = guard(**{"rate": 1, "burst": 1, "slip": 0, **options})
    batch = columns(*[(peer, {})] * 3)
    refused = judged.judge(batch, 0.0)
    assert refused == ({1: Reason.OVER_RATE, 2: Reason.OVER_RATE} if limited else {})


def test_a_refused_datagram_costs_its_source_nothing() -> None:
    """Or a spoofer with port 0 would use up his victim's allowance."""
    judged = guard(rate=1, burst=2, slip=0)
    forged = columns(*[(("192.0.2.1", 0), {})] * 64)
    judged.judge(forged, 0.0)
    assert one(judged, CLIENT, 0.0) is None
    assert one(judged, CLIENT, 0.0) is None
    assert one(judged, CLIENT, 0.0) is Reason.OVER_RATE


def test_a_train_is_charged_for_each_datagram_in_it() -> None:
    judged = guard(rate=1, burst=100, slip=0)
    train: Row = (CLIENT, {"size": 60, "segment": 1})
    trains = columns(train, train, train)
    assert judged.judge(trains, 0.0) == {2: Reason.OVER_RATE}
    assert one(judged, CLIENT, 20.0) is Reason.OVER_RATE, "20 too many were let through"
    assert one(judged, CLIENT, 21.0) is None


# What a datagram, or a train of them, costs.
COSTS: list[tuple[dict[str, object], int, str]] = [
    ({}, 1, "of a size that nobody told"),
    ({"size": 0}, 1, "an empty one, too"),
    ({"size": 1}, 1, "a small one"),
    ({"size": 1500}, 1, "all that a token pays for"),
    ({"size": 1501}, 2, "one byte more"),
    ({"size": 3000}, 2, "all that two pay for"),
    ({"size": 65507}, 44, "the longest over IPv4"),
    ({"size": 65527}, 44, "the longest over IPv6"),
    ({"size": 60, "segment": 1}, 60, "each datagram of a train costs by its own size"),
    ({"size": 3000, "segment": 1500}, 2, "of a train, too"),
    ({"size": 3001, "segment": 1500}, 3, "its last is shorter, and costs one"),
    ({"size": 3002, "segment": 1501}, 4, "two for each"),
    ({"size": 3003, "segment": 1501}, 5, "two for each, and one for the last"),
    ({"size": 9000, "segment": 4000}, 7, "three, three, and one for the last 1000"),
]


@pytest.mark.parametrize(("known", "tokens", "why"), COSTS)
def test_what_a_datagram_costs(known: dict[str, object], tokens: int, why: str) -> None:
    """So long the next one has to wait, at one token a second and none kept."""
    judged = guard(rate=1, burst=1, slip=0)
    assert one(judged, CLIENT, 0.0, **known) is None, "it passes while there is one token"
    assert one(judged, CLIENT, tokens - 0.01) is Reason.OVER_RATE, why
    assert one(judged, CLIENT, tokens) is None, why


def test_what_slips_over_the_limit_costs_one_token_a_datagram() -> None:
    """So a forger gets nothing long reflected, and his victim keeps a quarter of its requests.

    Also where the kernel made trains of them.
    """
    judged = guard(rate=1, burst=1)
    one(judged, CLIENT, 0.0)
    passed = {}
    for name, known in (
        ("short", {"size": 1500}),
        ("long", {"size": 1501}),
        ("trains", {"size": 3001, "segment": 1500}),
        ("long trains", {"size": 3003, "segment": 1501}),
    ):
        row: Row = (CLIENT, {**known})
        passed[name] = 400 - len(judged.judge(columns(*[row] * 400), 0.0))
    assert passed == {"short": 100, "long": 0, "trains": 100, "long trains": 0}


def test_a_batch_as_the_last_costs_what_the_last_did() -> None:
    """And another does not, whatever was worked out of the last."""
    judged = guard(rate=1, burst=10, slip=0)
    long, short = (columns((CLIENT, {"size": size})) for size in (6000, 1))
    assert [judged.judge(each, 0.0) for each in (long, long, short, short)] == [{}] * 4
    assert judged.judge(long, 0.0) == {0: Reason.OVER_RATE}, "4 + 4 + 1 + 1"


def test_a_spoofed_victim_still_gets_a_quarter() -> None:
    """Whatever the spoofer sends, about one in four of the victim's own datagrams passes."""
    judged = guard(rate=100, burst=100)
    answered = asked = 0
    for step in range(400):
        now = step / 100
        judged.judge(columns(*[(("192.0.2.1", 50000), {})] * 63), now)
        asked += 1
        answered += one(judged, CLIENT, now) is None
    assert answered >= asked * 0.2
    assert answered <= asked * 0.3, "the flood is over the limit, so the victim is too"


def test_a_clock_that_steps_back_is_as_one_that_stands() -> None:
    judged = guard(rate=1, burst=1, slip=0)
    assert one(judged, CLIENT, 100.0) is None
    assert one(judged, CLIENT, 0.0) is Reason.OVER_RATE
    assert one(judged, CLIENT, 100.5) is Reason.OVER_RATE
    assert one(judged, CLIENT, 101.0) is None


def test_no_step_of_the_clock_is_too_large_to_count() -> None:
    judged = guard(rate=MAX_RATE, burst=MAX_RATE)
    for now in (0.0, 3e9, 0.0, 3e9):  # a century
        assert one(judged, CLIENT, now) is None


def test_a_batch_half_refused_is_charged_for_the_other_half() -> None:
    judged = guard(rate=1, burst=4, slip=0)
    half = columns(*[(("192.0.2.1", port), {}) for port in (0, 40000, 53, 40000)])
    assert set(judged.judge(half, 0.0)) == {0, 2}
    assert judged.judge(columns(*[(CLIENT, {})] * 3), 0.0) == {2: Reason.OVER_RATE}


def test_neighbours_in_a_batch_are_charged_together() -> None:
    judged = guard(rate=1, burst=4, slip=0)
    neighbours = columns(*[((f"192.0.2.{number}", 40000), {}) for number in (1, 2, 3)])
    assert judged.judge(neighbours, 0.0) == {}
    assert set(judged.judge(neighbours, 0.0)) == {1, 2}


def test_sources_without_number_are_not_remembered() -> None:
    judged = guard()
    sizes = set()
    for start in range(0, 1 << 24, 1 << 16):
        addresses = (
            ((start + step) << 8).to_bytes(4, "big") for step in range(0, 1 << 16, 1 << 10)
        )
        judged.judge(Columns(b"\xc0\0" * 64, b"".join(addresses)), 0.0)
        sizes.add(len(judged._known))
    assert max(sizes) <= deciding._KNOWN_SOURCES


# What comes from outside: few values each, so that they meet, and every bad one among them.
_ports = st.sampled_from([0, 53, 1023, 1024, 1060, 1061, 1900, 2000] + [40000, 50000, 65535] * 4)
_hosts4 = st.sampled_from(
    ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "172.16.0.1", "172.16.5.5"]
    + ["10.0.0.1", "10.0.0.2", "10.0.1.1"] * 3
)
_hosts6 = st.sampled_from(
    ["::", "::1", "ff02::1", "::ffff:10.0.0.1", "fe80::1"]
    + ["2001:db8::1", "2001:db8::2", "2001:db8:0:100::1"] * 2
)
_policies = st.builds(
    Policy,
    allow_source_ports=st.frozensets(_ports, max_size=3),
    keep_ttl=st.booleans(),
    allow=st.sampled_from([(), (), networks("10.0.0.0/8", "2001:db8::/32"), networks("::/0")]),
    deny=st.sampled_from(
        [(), (), networks("10.0.1.0/24", "2001:db8::2/128"), networks("0.0.0.0/0")]
    ),
    rate=st.sampled_from([0, 1, 3, 3]),
    burst=st.sampled_from([1, 3, 9]),
    ipv4_prefix=st.sampled_from([0, 8, 13, 24, 32]),
    ipv6_prefix=st.sampled_from([0, 56, 61, 128]),
    exempt=st.sampled_from([(), networks("127.0.0.0/8", "::1/128"), networks("10.0.0.1/32")]),
    slip=st.sampled_from([0, 3, 4]),
    discard=st.sampled_from([False] * 9 + [True]),
)


_sizes = st.sampled_from([0, 1, 64, 64, 64, 1499, 1500, 1501, 3000, 3001, 9000, 65507])
_segments = st.sampled_from([1, 500, 1500, 1501, 4000])


@st.composite
def _batches(draw: st.DrawFn) -> list[Row]:
    hosts = draw(st.sampled_from([_hosts4, _hosts6]))
    peers = st.tuples(hosts, _ports)
    if draw(st.booleans()):  # all from one, as batches often are
        peers = st.tuples(st.just(draw(hosts)), _ports)
    there = draw(hosts)
    knows = {
        "asked": st.sampled_from([there, there, there, draw(hosts)]),
        "local": st.just(there),
        "ttl": st.sampled_from([64, 64, 64, 2, 1, 0]),
        "size": _sizes,
    }
    chosen = {name: knows[name] for name in draw(st.sets(st.sampled_from(sorted(knows))))}
    rows = draw(st.lists(st.tuples(peers, st.fixed_dictionaries(chosen)), max_size=12))
    if "size" in chosen and draw(st.booleans()):
        for _, known in rows:
            segment = draw(_segments)
            if segment < int(str(known["size"])):
                known["segment"] = segment
    return rows


@pytest.mark.slow
@given(_policies, st.lists(st.tuples(st.floats(0, 2), _batches()), max_size=5))
def test_a_batch_is_judged_as_its_datagrams_one_by_one(
    policy: Policy, batches: list[tuple[float, list[Row]]]
) -> None:
    together, alone = Guard(policy, key=KEY), Guard(policy, key=KEY)
    for each in (together, alone):
        each.add_own_port(1060)
    now = 0.0
    for wait, rows in batches:
        now += wait
        one_by_one = {}
        for index, (peer, known) in enumerate(rows):
            one_by_one[index] = one(alone, peer, now, **known)
        found = together.judge(columns(*rows), now)
        assert found == {index: reason for index, reason in one_by_one.items() if reason}


@given(
    st.lists(st.tuples(st.floats(0, 2), st.lists(_sizes, min_size=1, max_size=12)), max_size=8),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([0, 1, 3, 4]),
)
def test_a_prefix_is_answered_no_more_bytes_than_its_rate_is(
    batches: list[tuple[float, list[int]]], rate: int, burst: int, slip: int
) -> None:
    """1,500 bytes a token: the burst's and the rate's, and what was owed at the end for one long.

    What slips beyond that is one datagram in slip, of 1,500 bytes at most.
    """
    judged = guard(rate=rate, burst=burst, slip=slip)
    now = 0.0
    answered = offered = 0
    for wait, sizes in batches:
        now += wait
        rows: list[Row] = [(CLIENT, {"size": size}) for size in sizes]
        refused = judged.judge(columns(*rows), now)
        answered += sum(size for at, size in enumerate(sizes) if at not in refused)
        offered += len(sizes)
    slipped = offered / slip + 2 if slip else 0
    assert answered <= 1500 * (burst + rate * now + 43 + slipped)


def test_a_blameless_batch_is_blameless_again_until_a_port_becomes_our_own() -> None:
    judged = Guard(Policy(), key=b"key")
    batch = Columns(b"\x9c\x40", bytes([127, 0, 0, 1]), ttls=b"\x40")
    assert judged.judge(batch, 0.0) == judged.judge(batch, 1.0) == {}
    judged.add_own_port(40000)
    assert judged.judge(batch, 2.0) == {0: Reason.OWN_PORT}


def test_a_batch_that_is_limited_is_charged_each_time_that_it_comes() -> None:
    judged = Guard(Policy(rate=1, burst=2), key=b"key")
    batch = Columns(b"\x9c\x40", bytes([192, 0, 2, 1]), ttls=b"\x40")
    assert [judged.judge(batch, 0.0) for _ in range(3)][:2] == [{}, {}]
    assert Reason.OVER_RATE in [
        reason for _ in range(8) for reason in judged.judge(batch, 0.0).values()
    ]
