"""Where a losing flow dies: the hops of each flow, and which of them the losing ones share.

verdict(paths, outcomes) -> Verdict
"""

from typing import TYPE_CHECKING

from udpecho.doors import Door

__all__ = [
    "Direction",
    "Evidence",
    "Hop",
    "Label",
    "Look",
    "Path",
    "PathMtu",
    "Paths",
    "Place",
    "Segment",
    "Sizing",
    "State",
    "TracedPing",
    "Verdict",
    "trace",
    "traced",
    "verdict",
]

if TYPE_CHECKING:
    from udpecho.path.beside import TracedPing as TracedPing
    from udpecho.path.beside import traced as traced
    from udpecho.path.hops import Hop as Hop
    from udpecho.path.hops import Label as Label
    from udpecho.path.hops import Path as Path
    from udpecho.path.hops import PathMtu as PathMtu
    from udpecho.path.hops import Paths as Paths
    from udpecho.path.judge import verdict as verdict
    from udpecho.path.sizing import Sizing as Sizing
    from udpecho.path.tracing import Look as Look
    from udpecho.path.tracing import trace as trace
    from udpecho.path.verdicts import Direction as Direction
    from udpecho.path.verdicts import Evidence as Evidence
    from udpecho.path.verdicts import Place as Place
    from udpecho.path.verdicts import Segment as Segment
    from udpecho.path.verdicts import State as State
    from udpecho.path.verdicts import Verdict as Verdict
else:
    __getattr__ = Door(
        globals(),
        {
            "beside": ("TracedPing", "traced"),
            "hops": ("Hop", "Label", "Path", "PathMtu", "Paths"),
            "judge": ("verdict",),
            "sizing": ("Sizing",),
            "tracing": ("Look", "trace"),
            "verdicts": ("Direction", "Evidence", "Place", "Segment", "State", "Verdict"),
        },
    )
