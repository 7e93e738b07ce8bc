"""The udpecho command: a room for each of its commands, and one for each's options.

What its options mean is known without loading what it runs with.
"""

from udpecho.doors import Door

TYPE_CHECKING = False  # as in typing, whose import takes longer than all of ours

__all__ = ["open_streams", "run_command"]

if TYPE_CHECKING:
    from udpecho.commands.main import run_command as run_command
    from udpecho.commands.streams import open_streams as open_streams
else:
    __getattr__ = Door(globals(), {"main": ("run_command",), "streams": ("open_streams",)})
