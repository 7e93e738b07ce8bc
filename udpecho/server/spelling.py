"""What an operator is told: which options to set, as they are spelt where they stand."""

from __future__ import annotations

from dataclasses import dataclass

from udpecho.guard.reasons import Reason
from udpecho.hosts import DEFAULT_PORT


@dataclass(frozen=True, slots=True)
class Spelling:
    """The options that lines of the log name: twistd's, unless they stand elsewhere."""

    listen: str = f"--listen=udp:{DEFAULT_PORT}"
    source_port: str = "--allow-source-port"
    rate: str = "--rate, --burst and --exempt"
    stock_port: str = "--stock-port"
    unsaid: frozenset[Reason] = frozenset()
    """What is no news there, though it is counted."""


OPTIONS = Spelling()
