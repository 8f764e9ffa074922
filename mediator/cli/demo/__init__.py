"""`mediator demo`: the main job on real input, told as it happens.

`servers.py` gets the real tool servers, `notes_server.py` is one more on the SDK (its tools read, write
and send), `stage.py` runs the commands that an operator would run, `agent.py` is an agent on the SDK's own client,
`fleet.py` is several that hand on to each other, `story.py` tells the acts and checks each against what was told, and so
does `handing_on.py` of a task that is shared; `picture.py` draws the grants, the decisions and the trace.
"""
