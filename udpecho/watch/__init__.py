"""A node of a mesh: it answers, probes its peers without end, and tells what it finds."""

from typing import TYPE_CHECKING

from udpecho.doors import Door

__all__ = [
    "BadConfig",
    "Config",
    "Desk",
    "Mesh",
    "WatchService",
    "check_file",
    "node_process",
    "read_config",
]

if TYPE_CHECKING:
    from udpecho.watch.checking import check_file as check_file
    from udpecho.watch.config import read_config as read_config
    from udpecho.watch.desk import Desk as Desk
    from udpecho.watch.mesh import Mesh as Mesh
    from udpecho.watch.node import WatchService as WatchService
    from udpecho.watch.process import node_process as node_process
    from udpecho.watch.settings import Config as Config
    from udpecho.watch.tables import BadConfig as BadConfig
else:
    __getattr__ = Door(
        globals(),
        {
            "checking": ("check_file",),
            "config": ("read_config",),
            "desk": ("Desk",),
            "mesh": ("Mesh",),
            "node": ("WatchService",),
            "process": ("node_process",),
            "settings": ("Config",),
            "tables": ("BadConfig",),
        },
    )
