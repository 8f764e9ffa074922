"""Credentials that are made for each task and die with it: `broker.py` is the port, `CredentialBroker`.

`behalf.py` says for whom one is made, `sources.py` how: from an authorization server (`endpoint.py`), or signed by us.
It may import everything below the adapters, `anyio`, `httpx2` (in `endpoint.py` alone), and no other adapter.
"""
