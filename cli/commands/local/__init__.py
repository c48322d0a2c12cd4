"""The commands that serve something on this machine: the sandbox and the console."""
