"""Readiness on a schedule: `due` starts the runs of plans that are due, `answers` keeps what readiness runs answer."""
