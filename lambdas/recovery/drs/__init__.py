"""Everything that reaches a target account: DRS, EC2, Service Quotas, and what protects them.

Services and the API call this room. `client` is the only module that calls DRS, and `ec2` the only one that calls
EC2. Every call uses the target's assumed role and passes the target's rate limiter and circuit breaker. The room owns
the CALLS#, EC2_CALLS#, CIRCUIT and LEASES rows of the `limits` table. It never reads or writes a run's record.
"""
