"""Findings and readiness, as the API shows them."""
