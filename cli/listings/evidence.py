"""The listing of evidence."""

from cli.listings.cells import show_time
from cli.listings.columns import Column, Listing

EVIDENCE = Listing(
    path="/recovery-plans/{planId}/evidence",
    items="evidence",
    schema="Evidence",
    columns=(
        Column("executionId", "execution"),
        Column("occasion", "occasion"),
        Column("writtenAt", "written", show_time),
        Column("retainUntil", "locked until", show_time, if_any=True, optional=True),
        Column("signedBy", "signed by", if_any=True, optional=True),
        Column("manifestSha256", "SHA-256 of the manifest", optional=True),
        Column("bucket", "bucket", in_table=False),
        Column("prefix", "prefix", in_table=False),
    ),
    empty="There is no evidence. It is written when a run has ended.",
)
