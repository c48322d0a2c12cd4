"""Rows of the steps around a launch: CHECKS# rows of checked batches, and ACTION# rows of actions."""
