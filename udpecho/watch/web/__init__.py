"""How a node is asked: who may, how many at once, and pages that are made while they are sent."""
