"""Who presents this credential: keys we trust, tokens they signed, and the signed acts of operators.

Everything here is pure: keys, credential and the time come in as arguments, and evidence goes out.
It may import `canonical`, `evidence`, `refusal` and `effect`. PyJWT and securesystemslib live in this room
and nowhere above it, save the adapter that mints tokens.
"""
