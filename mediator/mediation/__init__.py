"""The corridor (PEP): one call from arrival to reply, each step once, in one order.

`mediate.py` is the corridor itself, `deliberate.py` its judgement (pure), `ports.py` what it asks of the
world, `listing.py` the other path. A newcomer reads `mediate.py` first. This room may import everything below
it and no adapter, no edge.
"""
