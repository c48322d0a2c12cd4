"""The commands, a module for each group. They parse arguments, call the other modules and print.

A module here imports nothing at its top that takes long to import: `drs-waves --help` and shell completion import
all of them.
"""
