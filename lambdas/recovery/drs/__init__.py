"""DRS in a target account, the details of its instances, its quotas, and what protects all of them.

Services and the API call this room, and `recovery.target_services` its roles and its rate limiter. `calls` is the only
module that calls DRS, and `ec2` the only one here that calls EC2; `client` has DRS's operations with typed values.
Every call uses the target's assumed role. Calls of DRS pass the target's rate limiter and circuit breaker, and calls of
any other service a rate limiter of their own; calls of Service Quotas are too few to need either. `fan_out` calls many
targets at once, for the API. The room owns the rows CIRCUIT, LEASES and those of the budgets (CALLS#, EC2_CALLS# and so
on) of the `limits` table. It never reads or writes a run's record.
"""
