"""Who the peers are: where they are learnt, and which of them a node probes."""
