"""How long DRS may not show what it has started or launched, in seconds. AWS gives no figures."""

# How long the job of an unanswered StartRecovery may take to appear in DescribeJobs. The call may be at work for the
# 120 seconds after which we stop waiting for its answer; the rest is for DRS to show the job.
UNANSWERED_SECONDS = 300

# How long DescribeJobs may not show a job that StartRecovery has named.
VISIBLE_WITHIN_SECONDS = 600

# How long after the end of its job DRS may not show a recovery instance.
SHOWN_WITHIN_SECONDS = 600

# How long the servers of a batch are held from the moment its start is prepared. The function has 180 seconds, so the
# call of StartRecovery begins and ends within them, and DRS shows the job within ten minutes after that. A repeated
# task renews a hold of which less than this is left; the rest is so that a repetition soon after renews nothing.
HOLD_NEEDED_SECONDS = 180 + max(UNANSWERED_SECONDS, VISIBLE_WITHIN_SECONDS)
HOLD_SECONDS = HOLD_NEEDED_SECONDS + 120
