"""How long DRS may not show what it has started or launched, in seconds. AWS gives no figures."""

# How long the job of an unanswered StartRecovery may take to appear in DescribeJobs. The call may be at work for the
# 120 seconds after which we stop waiting for its answer; the rest is for DRS to show the job.
UNANSWERED_SECONDS = 300

# How long DescribeJobs may not show a job that StartRecovery has named.
VISIBLE_WITHIN_SECONDS = 600

# How long after the end of its job DRS may not show a recovery instance.
SHOWN_WITHIN_SECONDS = 600
