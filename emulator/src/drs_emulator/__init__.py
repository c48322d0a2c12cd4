"""An AWS Elastic Disaster Recovery that runs on this machine, driven by botocore's own `drs` service model.

Where things are:

- `shapes`, `protocol`, `errors`: the wire, all of it derived from the service model
- `clock`, `timeline`, `settings`: simulated time and what can be set
- `servers`, `jobs`, `instances`, `state`: the records, and the accounts and Regions that hold them
- `life`: what a job does, from its start to its end
- `quotas`, `throttle`, `accounts`, `calls`, `ec2`: one rule or one outside party each
- `operations`: one function per API operation
- `control`, `app`, `http`, `server`: the ways in
"""
