"""UDP done carefully, on Twisted."""
