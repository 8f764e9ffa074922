"""Large answers, read and inspected in processes of our own: the port `Inspectors`.

`frames.py` is what goes to and fro, as bytes; `worker.py` is what runs in such a process; `process.py` is one of them as
this side sees it, `pool.py` is all of them and the port. A worker is given no environment, no key and no evidence, and
gives back bytes and plain facts; nothing is pickled. It may import `mediation` and what lies below, `asyncio`, `anyio`, and
no other adapter; `worker.py` and `frames.py` import only what inspects.
"""
