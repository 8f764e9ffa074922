"""The ledger as append-only segment files: one stream for each process, values kept apart beside it.

`ledger.py` fills the port; `writer.py` owns the files that are written, `stops.py` the count of stops. `reading.py`
reads what any process left, `verify.py` checks it, `showing.py` finds entries in it. It may import `mediation` and
what lies below, and knows no other adapter: the store it asks for claims and tells of streams is a Protocol.
"""
