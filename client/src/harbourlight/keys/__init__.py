"""Whose keys are whose: the directory that desks, custodians and officers publish their keys in.

`entries` are the signed notes in the log, `trust` says whose word counts, `directory` is what
follows from both, `memory` is what this client saw before, `files` are keys on this machine.
The formats are in docs/reference/trust-formats.md.
"""
