"""The `drills` table: appointments, results, verdicts and findings, and evidence, by plan."""
