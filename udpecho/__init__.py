"""UDP done carefully, on Twisted: an echo service, three clients, a network in memory.

Three flows, each one way:

answer   kernel -> port -> server (guard: may it be answered?) -> kernel
ask      caller -> client (pending: who owes us a reply) -> port -> kernel, and back
"""

__version__ = "0.1.0"
