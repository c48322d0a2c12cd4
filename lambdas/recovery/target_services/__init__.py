"""Calls of AWS services in a target, besides DRS: checks and actions make them."""
