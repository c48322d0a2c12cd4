"""The assessment of a run: whether it counts as a drill, what people say of it, and what changed since the last one."""
