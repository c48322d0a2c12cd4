"""The services that checks and actions of a wave use in a target: Systems Manager, EC2, load balancers and others.

Services and the API call this room. It has a module for each kind of thing: `instance_status`, `managed_instances` and
`target_health` read what a check looks at; `run_command`, `automation`, `functions`, `state_machines` and `event_buses`
start, follow and stop what an action runs; `lookups` tells whether a thing is there, and `prerequisites` whether all
that a plan needs is. `calls` is the only module that makes calls. Every call uses the target's assumed role and a rate
limiter of its service; reads are repeated briefly. The room never reads or writes a run's record.
"""
