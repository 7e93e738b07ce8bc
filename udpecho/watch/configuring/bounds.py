"""How often, how long and from how many ports a node may probe. Times are in seconds."""

SHORTEST_INTERVAL, LONGEST_INTERVAL = 0.1, 3600.0
LONGEST_TIMEOUT = 60.0
MOST_FLOWS = 256
