"""Everything that reaches a target account: DRS, EC2, Service Quotas, and what protects them.

Services and the API call this room. `calls` is the only module that calls DRS, and `ec2` the only one that calls EC2;
`client` has DRS's operations with typed values.
Every call uses the target's assumed role. Calls of DRS pass the target's rate limiter and circuit breaker, and calls of
EC2 a rate limiter of their own; calls of Service Quotas are too few to need either. `fan_out` calls many targets at
once, for the API. The room owns the CALLS#, EC2_CALLS#, CIRCUIT and LEASES rows of the `limits` table. It never reads
or writes a run's record.
"""
