"""Runs the actions before and after waves and plans, each once."""
