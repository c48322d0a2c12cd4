"""The bodies of requests about drills."""
