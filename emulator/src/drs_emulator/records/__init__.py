"""What is stored: source servers, jobs, recovery instances, launch settings, recovery plans, and for Systems Manager
instances, documents, commands and automations.

Each record is a dataclass with `to_api`, which returns it as the API shows it. Records hold no clock, call nothing
and decide nothing that depends on another record. The state file contains them as they are, so a renamed field is a
new version of that file.
"""
