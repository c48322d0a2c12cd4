"""The domain of drs-waves: plans, waves, batches, verdicts, and the adapters that reach DRS and DynamoDB."""

VERSION = "0.1.0"
