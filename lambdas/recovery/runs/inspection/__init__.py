"""The parts of the inspection of a target.

`context` reads what else goes on in the target: jobs, other runs and recovery instances. Only `recovery.runs.inspect`
calls it.
"""
