"""What is seen of a ping: records, text, tables, pictures."""

from typing import TYPE_CHECKING

from udpecho.doors import Door

__all__ = [
    "Canvas",
    "Json",
    "Lines",
    "LiveTable",
    "Quiet",
    "Recorder",
    "Together",
    "Trace",
    "View",
    "draw",
    "draw_paths",
    "live_lines",
    "standard_output",
    "wants_plain_lines",
    "wants_table",
    "why_no_table",
]

if TYPE_CHECKING:
    from udpecho.show.live_paths import live_lines as live_lines
    from udpecho.show.path_plot import draw_paths as draw_paths
    from udpecho.show.plot import draw as draw
    from udpecho.show.table import LiveTable as LiveTable
    from udpecho.show.terminal import Canvas as Canvas
    from udpecho.show.terminal import standard_output as standard_output
    from udpecho.show.terminal import wants_plain_lines as wants_plain_lines
    from udpecho.show.terminal import why_no_table as why_no_table
    from udpecho.show.trace import Trace as Trace
    from udpecho.show.views import Json as Json
    from udpecho.show.views import Lines as Lines
    from udpecho.show.views import Quiet as Quiet
    from udpecho.show.views import Recorder as Recorder
    from udpecho.show.views import Together as Together
    from udpecho.show.views import View as View
    from udpecho.show.views import wants_table as wants_table
else:
    __getattr__ = Door(
        globals(),
        {
            "live_paths": ("live_lines",),
            "path_plot": ("draw_paths",),
            "plot": ("draw",),
            "table": ("LiveTable",),
            "terminal": ("Canvas", "standard_output", "wants_plain_lines", "why_no_table"),
            "trace": ("Trace",),
            "views": ("Json", "Lines", "Quiet", "Recorder", "Together", "View", "wants_table"),
        },
    )
