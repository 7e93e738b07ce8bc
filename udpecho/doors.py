"""The door of a wing: the names that others may use, each loaded when it is first asked for.

Entering a wing so costs no more than what is used of it (PEP 562). Imports nothing.
"""


class Door:
    """A wing's __getattr__, from the table of the names that each of its rooms has."""

    def __init__(self, wing: dict[str, object], rooms: dict[str, tuple[str, ...]]) -> None:
        """Take the wing's globals(), where a name is kept once it has been asked for."""
        self._wing = wing
        self._rooms = {name: room for room, names in rooms.items() for name in names}

    def __call__(self, name: str) -> object:
        """Find what a name stands for, or raise AttributeError."""
        wing = self._wing["__name__"]
        if name not in self._rooms:
            raise AttributeError(f"module {wing!r} has no attribute {name!r}")
        room = __import__(f"{wing}.{self._rooms[name]}", fromlist=[name])
        value: object = getattr(room, name)
        self._wing[name] = value
        return value
