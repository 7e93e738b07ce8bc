"""Who loses, said in words: who stands out, and if nobody does, why."""

from __future__ import annotations

import pytest

from udpecho.instrument.probe import Flow
from udpecho.ping.figures import (
    Distribution,
    Figures,
    FlowSummary,
    Losers,
    RateLimit,
    Summary,
    TargetSummary,
)
from udpecho.show.remarks import held_up, losing_hosts, losing_ports, rate_limits, standing_out

NAME, PEER = "echo.example", ("192.0.2.1", 7)


def figures(lost: int, sent: int = 100) -> Figures:
    return Figures(sent=sent, replied=sent - lost, lost=lost)


def ports(*losses: int, out: tuple[int, ...] = (), early: bool | None = False) -> list[str]:
    flows = tuple(
        FlowSummary(40000 + number, figures(lost), number in out)
        for number, lost in enumerate(losses)
    )
    target = TargetSummary(NAME, PEER, figures(0), flows, too_early=early)
    return list(losing_ports(target))


@pytest.mark.parametrize(
    ("losses", "out", "early", "text"),
    [
        ((0, 0, 0), (), False, None),
        ((7,), (), False, None),
        ((0, 100, 0), (1,), False, ": 1 of 3 source ports loses: 40001 (100%)"),
        ((50, 100, 0), (0, 1), False, ": 2 of 3 source ports lose: 40001 (100%), 40000 (50%)"),
        (
            (8, 100, 8),
            (1,),
            False,
            ": 1 of 3 source ports stands out: 40001 (100%); the others lose 8%",
        ),
        (
            (90, 100, 8),
            (0, 1),
            False,
            ": 2 of 3 source ports stand out: 40001 (100%), 40000 (90%); the others lose 8%",
        ),
        (
            (0, 1, 0),
            (),
            True,
            " from 1 of 3 source ports: too early to tell whether one stands out",
        ),
        ((8, 7, 8), (), False, " from 3 of 3 source ports: none stands out"),
        ((100, 100, 100), (), True, " from every one of 3 source ports"),
        ((0, 1, 0), (), None, " from 1 of 3 source ports"),
    ],
)
def test_source_ports(
    losses: tuple[int, ...], out: tuple[int, ...], early: bool | None, text: str | None
) -> None:
    said = ports(*losses, out=out, early=early)
    assert said == ([] if text is None else [f"LOSS to {NAME}{text}"])


def test_many_that_stand_out_are_counted() -> None:
    [line] = ports(*[100] * 30, 0, out=tuple(range(30)))
    assert line.startswith("LOSS to echo.example: 30 of 31 source ports lose: 40000 (100%), ")
    assert line.endswith(" and 10 more")


def test_hosts() -> None:
    def said(*losses: int, out: tuple[int, ...] = (), early: bool = False) -> list[str]:
        targets = tuple(
            TargetSummary(f"host{number}", PEER, figures(lost), (), number in out)
            for number, lost in enumerate(losses)
        )
        clocks: dict[object, int] = {}
        summary = Summary(0, figures(0), targets, 0, clocks, Distribution(), None, early)  # type: ignore[arg-type]
        return list(losing_hosts(summary))

    assert said(0, 0) == []
    assert said(0, 1, early=True) == [
        "LOSS from 1 of 2 hosts: too early to tell whether one stands out"
    ]
    assert said(1, 1, 50, out=(2,)) == [
        "LOSS: 1 of 3 hosts stands out: host2 (50%); the others lose 1%"
    ]


@pytest.mark.parametrize(
    ("held_ns", "said"),
    [
        (None, []),
        (0, []),
        (61_240_000_000, ["held up: nothing was sent for 61.2 s, though it was due"]),
    ],
)
def test_what_held_it_up(held_ns: int | None, said: list[str]) -> None:
    summary = Summary(0, figures(0), (), 0, {}, Distribution(), held_ns=held_ns)
    assert list(held_up(summary)) == said


def test_what_looks_like_a_rate_limit() -> None:
    limit = RateLimit("192.0.2.0/24", 1, 4000, 0.375, 1250.2)
    summary = Summary(0, figures(0), (), 0, {}, Distribution(), rate_limits=(limit,))
    assert list(rate_limits(summary)) == [
        "LIMIT: 192.0.2.0/24 lost none of the first 4000 probes, then evenly 37.5%: "
        "it looks like a rate limit of about 1250/s"
    ]


@pytest.mark.parametrize(
    ("hosts", "flows", "text"),
    [
        ((), (), ""),
        ((), (("h", 40003), ("h", 40001)), "stands out: 40001, 40003"),
        (("b", "a"), (("h", 40003),), "stands out: a, b, h from 40003"),
        ((), (("h", 40003), ("g", 40001)), "stands out: g from 40001, h from 40003"),
        (tuple("abcdefg"), (), "stands out: a, b, c, d, e and 2 more"),
    ],
)
def test_who_stands_out_in_a_few_words(
    hosts: tuple[str, ...], flows: tuple[tuple[str, int], ...], text: str
) -> None:
    losers = Losers(
        hosts=frozenset((host, PEER) for host in hosts),
        flows=frozenset(Flow(target, PEER, port) for target, port in flows),
    )
    assert standing_out(losers) == text
