"""The command `drs-waves`.

It reaches the product only through the HTTP API, but for three things: the rules of a plan file are the API's own
(`plans`), the sandbox is started from the checkout (`commands.sandbox`), and `tables copy` works without a stack.
`commands` has a module for each group of commands, `views` shows a run while it goes on, `report` writes its report,
and `plans` reads, checks and applies plan files. No other package imports this one.
"""
