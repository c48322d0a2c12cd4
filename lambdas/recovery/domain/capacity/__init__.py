"""DRS's quotas in a target: what they allow, what is in use, and what our leases hold."""
