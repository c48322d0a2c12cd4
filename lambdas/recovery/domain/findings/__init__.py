"""Findings: what is wrong with a plan's servers and targets, by the named checks of the catalogue."""
