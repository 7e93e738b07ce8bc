"""How long a client waits for a reply unless told otherwise. Loads nothing."""

TIMEOUT = 1.0
"""Seconds for the first attempt when nothing is known of the path (RFC 8085, 3.1.1)."""

RETRIES = 2
"""Attempts after the first, each waiting twice as long as the one before."""

LOOKUP = TIMEOUT * (2 ** (RETRIES + 1) - 1)
"""Seconds for the look-up of a name where no request waits for it: as all attempts together."""
