"""The linter: what a reviewer should look at twice in a definition before pinning it.

`lint.py` reads every text that a model would see (`texts.py`) with one module per kind of trick; `finding.py` names
the kinds and says which of them are alarms; `visible.py` writes hidden characters out. Pure, and quick enough to run at
each review. It may import manifest's kinds, canonical and the ground floor; it decides nothing: what is pinned, and
what must be acknowledged for that, is the reviewer's business.
"""
