"""The parts of the inspection of a target.

`selection` finds the servers of a wave, `context` what else goes on in the target, and `falls` the servers that a group
has lost since the last launch. `isolation` proves the networks of a drill, `launch_needs` looks at what launches need,
and `refusals` has what refuses a readiness run besides. `uninspected` has the rules for targets that do not answer.
`recovery.runs.inspect` puts them together; JudgeReadiness and SettleWave use `uninspected` as well.
"""
