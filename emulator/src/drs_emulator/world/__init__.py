"""The emulator's state: every account and Region with its records, the timeline, and what limits or disturbs a call.

`World` holds it all, and its lock guards targets and timeline. Quotas, rate limits and faults are decided here;
nothing here knows an operation or a step of a job.
"""
