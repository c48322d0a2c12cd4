"""What DRS stores: source servers, jobs, recovery instances, launch settings and recovery plans.

Each record is a dataclass with `to_api`, which returns it as the API shows it. Records hold no clock, call nothing
and decide nothing that depends on another record. The state file contains them as they are, so a renamed field is a
new version of that file.
"""
