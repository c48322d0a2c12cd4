"""The domain of drs-waves: plans, waves, batches, verdicts, and the adapters that reach DRS and DynamoDB."""
