"""Contexts: deployments with names, in a configuration file of the user."""
