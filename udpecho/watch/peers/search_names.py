"""Which names are asked for when one is looked up: as resolv.conf(5) says. Pure."""

from __future__ import annotations

from dataclasses import dataclass

MOST_DOMAINS = 16
MOST_DOTS = 15
"""What glibc takes of ndots."""


@dataclass(frozen=True, slots=True)
class SearchList:
    """The domains in which a short name is looked for, and how many dots make a name long."""

    domains: tuple[str, ...] = ()
    dots: int = 1

    def names(self, name: str) -> list[str]:
        """List the names to ask for, in order: the first that there is is meant."""
        if name.endswith("."):
            return [name.rstrip(".")]
        within = [f"{name}.{domain}" for domain in self.domains]
        return [name, *within] if name.count(".") >= self.dots else [*within, name]


def read_search_list(text: str) -> SearchList:
    """Read what resolv.conf(5) says of it; what it says otherwise, or wrongly, is passed over."""
    domains: tuple[str, ...] = ()
    dots = 1
    for line in text.splitlines():
        key, *words = line.split() or [""]
        if key in ("search", "domain"):
            domains = tuple(word.strip(".") for word in words[:MOST_DOMAINS] if word.strip("."))
        elif key == "options":
            for word in words:
                option, _, value = word.partition(":")
                if option == "ndots" and value.isdecimal():
                    dots = min(int(value), MOST_DOTS)
    return SearchList(domains, dots)
