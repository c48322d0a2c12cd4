"""Drills and recoveries under random faults, every record held against the DRS emulator's truth.

`scenario` draws the plans, the faults and the runs from a seed, `truth` reads what DRS has, and `invariants` compares
the two. `python -m bench.chaos` runs it all.
"""
