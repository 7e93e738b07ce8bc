"""The udpecho command: a room for each of its commands."""

from typing import TYPE_CHECKING

from udpecho.doors import Door

__all__ = ["Command", "run_command"]

if TYPE_CHECKING:
    from udpecho.commands.main import run_command as run_command
    from udpecho.commands.options import Command as Command
else:
    __getattr__ = Door(
        globals(),
        {
            "main": ("run_command",),
            "options": ("Command",),
        },
    )
