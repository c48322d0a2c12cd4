"""Plan files: recovery plans with their groups and accounts, written in YAML or JSON.

`document` reads a file with the line of each of its parts, `file_schema` says what a file may contain, `check` finds
what is wrong with one. `resources` converts between the file and the API; `reconciler` compares the two and applies
the changes. A file names protection groups where the API wants ids, and may name source servers by host name.
"""
