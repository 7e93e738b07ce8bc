"""How often, how long and from how many ports a node probes, and may. Times are in seconds."""

INTERVAL, FLOWS, SIZE, TIMEOUT = 1.0, 16, 56, 1.0
"""Unless told otherwise; the size is in bytes of payload."""

SHORTEST_INTERVAL, LONGEST_INTERVAL = 0.1, 3600.0
LONGEST_TIMEOUT = 60.0
MOST_FLOWS = 256
