"""Drills and recoveries under random faults, every record held against the truth of the emulator.

`scenario` draws the plans, the faults and the runs from a seed, `steps` the checks and actions of plans and what breaks
them, and `people` what operators do. `truth` and `step_truth` read what DRS and Systems Manager have, and `invariants`
and `step_invariants` compare. `python -m bench.chaos` runs it all.
"""
