"""What launches need in a target, read for many of them at once: types, names, addresses, quotas."""
