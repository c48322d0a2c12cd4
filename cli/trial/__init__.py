"""What the sandbox is loaded with, and what it tells those who started it.

`loading` reads a plan file into a running sandbox, `made_up` invents the source servers that the file does not
describe, and `guide` has the texts that `make sandbox` and `make drill` print.
"""
