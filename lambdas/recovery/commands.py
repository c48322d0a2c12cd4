"""The commands that operators run, as texts that work where they are pasted."""

import os
import shlex

from recovery.settings import stack_name

COMMAND = "drs-waves"


def format_command(*words: str) -> str:
    """A command for a shell: `drs-waves approve drill-1 web --stack drs-waves-prod --region eu-west-1`."""
    return f"{shlex.join([COMMAND, *words])} {_options()}"


def _options() -> str:
    """The options that name this deployment. The setting of the stack is used as it is: it may name a profile too."""
    if options := os.environ.get("COMMAND_OPTIONS", "").strip():
        return options
    region = os.environ.get("AWS_REGION")  # Lambda itself sets it
    return f"--stack {stack_name()}" + (f" --region {region}" if region else "")
