"""AWS Elastic Disaster Recovery (DRS) on your machine, driven by botocore's own service models.

Beside DRS, it plays what a caller asks of the recovered servers: Run Command and Automation of Systems Manager, the
status checks of EC2 and the health of targets.

`Emulator` is the whole: run it inside a test, or as a process by the command `drs-emulator`.

The packages and modules, each of which imports only those below it:

- `cli`, `emulator`: the command, and the emulator as a context manager
- `server`: HTTP, and the path of one request from its signature to its response
- `control`: the control API below `/_emulator`, and the state file
- `operations`: one function per operation
- `simulation`: simulates jobs, executions of recovery plans, commands and automations over time
- `world`: all state, with its timeline, faults, rules, quotas, rate limits and call log
- `engine`: EC2, EventBridge and STS of an AWS emulator, or stand-ins for them
- `records`: source servers, jobs, recovery instances and the rest, and how the API shows them
- `settings`: everything that can be set
- `protocol`: botocore's service models, validation, and the protocols
- `clock`, `errors`, `ids`, `target_key`: simulated time, error responses, ids, and account with Region
"""

from drs_emulator.emulator import Emulator

__all__ = ["Emulator"]
