"""`mediator demo`: the main job on real input, told as it happens.

`servers.py` gets the real tool servers, `notes_server.py` is one more on the SDK (with a tool that writes), `stage.py`
runs the commands that an operator would run, `agent.py` is an agent on the SDK's own client, `story.py` tells the
acts and checks each against what was told, `picture.py` draws the decisions and the trace.
"""
