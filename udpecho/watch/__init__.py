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
    from udpecho.watch.configuring.checking import check_file as check_file
    from udpecho.watch.configuring.config import read_config as read_config
    from udpecho.watch.configuring.settings import Config as Config
    from udpecho.watch.configuring.tables import BadConfig as BadConfig
    from udpecho.watch.desk import Desk as Desk
    from udpecho.watch.node import WatchService as WatchService
    from udpecho.watch.peers.mesh import Mesh as Mesh
    from udpecho.watch.process import node_process as node_process
else:
    __getattr__ = Door(
        globals(),
        {
            "configuring.checking": ("check_file",),
            "configuring.config": ("read_config",),
            "desk": ("Desk",),
            "peers.mesh": ("Mesh",),
            "node": ("WatchService",),
            "process": ("node_process",),
            "configuring.settings": ("Config",),
            "configuring.tables": ("BadConfig",),
        },
    )
