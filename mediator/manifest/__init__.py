"""What a server's tools say they are, who signed that, and which of it a reviewer pinned.

`manifest.py` and `declaration.py` read manifests, `draft.py` proposes one, `signature.py` verifies envelopes
against the trust file, `pin.py` and `lock.py` join them with the reviewers' statements into the `PinSet`,
`schema.py` and `closed_world.py` check arguments and results, `drift.py` compares a pin with what is offered now.
`lint/` looks through definitions for what a reviewer should look at twice.
It may import identity, canonical and the ground floor; it knows nothing of wire, delegation or policy.
"""
