"""What an operator is told to set, as it is spelt where the service's options stand."""

from __future__ import annotations

from dataclasses import dataclass

from udpecho.hosts import DEFAULT_PORT


@dataclass(frozen=True, slots=True)
class Spelling:
    """The options that lines of the log name: twistd's, unless they stand elsewhere."""

    listen: str = f"--listen=udp:{DEFAULT_PORT}"
    source_port: str = "--allow-source-port"
    rate: str = "--rate, --burst and --exempt"
    stock_port: str = "--stock-port"


OPTIONS = Spelling()
