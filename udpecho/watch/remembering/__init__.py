"""A day of each peer, a minute at a time."""
