"""May this result leave? What a tool server sent is not believed until it was looked at here.

`Released` is the only result that a reply can be made of. Pure. It may import the subjects below it
(`manifest`, `policy`) and never the corridor above.
"""
