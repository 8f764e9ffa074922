"""The commands: one file per group, over the assembly.

A command reads its arguments, does one thing through the rooms below, and prints for a person (rich) or, with
`--json`, for a program. It imports its room when it runs. Exit codes: 0, 1 refused or failed, 2 usage.
"""
