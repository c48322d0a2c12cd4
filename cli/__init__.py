"""The command `drs-waves`.

It reaches the product only through the HTTP API, with three exceptions: `plans` checks files by the rules of the API,
`commands.local.sandbox` starts the sandbox from the checkout, and `tables copy` works without a stack. `commands` has a
module for each group of commands, `views` shows a run that is in progress, `report` writes its report, and `plans`
reads, checks and applies plan files. `lookup` finds the run and the plan that a person names, `listings` prints lists,
and `contexts` reads the configuration file. `console`, which `commands.local.console` serves, shares the client, the
words and the drawings of this package; no other package imports it.
"""
