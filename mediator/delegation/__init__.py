"""By which authority: stored grants, the chain they form, and what it comes to.

Only links that we minted and stored limit anything; what a token says of its own history is for readers
(RFC 8693 §4.1). Pure: no I/O, no clock. It may import `identity` and what lies below; it does not know
manifests, policies or the wire.
"""
