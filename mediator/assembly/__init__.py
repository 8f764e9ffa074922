"""The one place that knows every part: a set-up folder becomes a running mediator.

`folder.py` reads what operators wrote, `trust.py` makes the snapshot of it, `mediator.py` fills the ports and owns
what must be ended, `desk.py` opens and completes tasks. Only this floor names adapters; the commands above use it.
"""
