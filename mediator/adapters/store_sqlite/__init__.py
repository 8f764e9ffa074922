"""State that calls and operators change, in one SQLite file: grants, claims, the epoch, and which streams there are.

`store.py` fills the ports, over one synchronous connection for what stands on a call's way; `book.py` is the control
plane, through SQLAlchemy Core; `schema.py` holds the tables and opens the file, `mac.py` seals a stored grant,
`keeping.py` keeps house beside the calls. It may import `mediation` and what lies below, and knows no other adapter.
"""
