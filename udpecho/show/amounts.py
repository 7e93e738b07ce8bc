"""Times, shares and names as people read them. Does no I/O."""

from __future__ import annotations


def milliseconds(time_ns: int | None) -> str:
    """Write a time to four digits at least, since the stamps are as good as that."""
    if time_ns is None:
        return "-"
    time_ms = time_ns / 1e6
    return f"{time_ms:.4f}" if time_ms < 1 else f"{time_ms:.3f}"


def percent(share: float | None) -> str:
    """Write a share so that a loss never rounds to none, nor to all: 0.00213% and 99.9979%."""
    if share is None:
        return "-"
    text = f"{100 * share:.4g}"
    if text in ("0", "100") and share not in (0, 1):
        text = f"{100 * share:.7g}"
    return f"{text}%"


def slashed(*times: int | None) -> str:
    """Write times as ping does, with a slash between two."""
    return "/".join(map(milliseconds, times))


def with_address(name: str, address: str) -> str:
    """Write a name that is not enough to tell who is meant."""
    return name if address == name else f"{name} ({address})"
