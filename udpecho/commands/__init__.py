"""The udpecho command: a room for each of its commands, and one for each's options.

What its options mean is known without loading what it runs with.
"""

from typing import TYPE_CHECKING

from udpecho.doors import Door

__all__ = ["run_command"]

if TYPE_CHECKING:
    from udpecho.commands.main import run_command as run_command
else:
    __getattr__ = Door(globals(), {"main": ("run_command",)})
