"""The world, one port and one technology a file; none of them knows another.

Files are named port first, technology second (`ledger_segments.py`). Here is where sockets, files, clocks,
databases and processes are; only `assembly.py` knows which adapter fills which port.
"""
