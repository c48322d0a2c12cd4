"""Isolation: what a server in a subnet, with its security groups, could reach, and what could reach it."""
