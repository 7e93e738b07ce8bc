"""What udpecho.testing is made of, from the bottom up.

timeline (time moved by hand), record (what became of each datagram), link (delay and faults),
stack and sockets (one host's UDP, with Linux's rules), wire (from host to host), host and
resolver (the reactor that Twisted's protocols see).
"""
