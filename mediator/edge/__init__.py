"""The agents' door: Streamable HTTP and stdio, and the sessions of the older protocol versions.

An edge makes an `Arrival` of what came, hands it to the corridor, and sends the `Reply`; it judges nothing.
Sessions live here and nowhere else. It may import `mediation` and what lies below, never an adapter.
"""
