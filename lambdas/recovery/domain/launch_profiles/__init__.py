"""Launch profiles: where and how the servers of a group are launched, in drills and in recoveries."""
