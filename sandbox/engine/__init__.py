"""The local AWS of the sandbox: MiniStack, unmodified, with patches applied when it starts.

    python -m sandbox.engine

`defects` corrects what MiniStack does differently from AWS where our code would notice. `accelerators` makes it
faster and changes no answer. Each patch says what is wrong in MiniStack. `tests/sandbox/engine` runs MiniStack with
and without the patches side by side and fails when MiniStack no longer needs one: delete that patch then.

`door` stands before MiniStack and refuses web pages, foreign host names, and callers without the secret of this
engine, which is the session token that AWS SDKs send: AWS_SESSION_TOKEN. It is no patch, and nothing leaves it out.

MiniStack's own settings (GATEWAY_PORT, AUTH, SFN_WAIT_SCALE and others) come from the environment. So do the settings
of the sandboxed functions: the engine passes its environment on to them, and their own variables override it.

This package knows nothing of the product. `sandbox.stack` starts it as a process; only tests import its patches.
"""

WITHOUT = "DRS_WAVES_ENGINE_WITHOUT"
"""Names of patches to leave out, separated by commas (`fork_environments,record_inner_states`), or `all`."""

ENVIRONMENTS_AHEAD = "DRS_WAVES_ENVIRONMENTS_AHEAD"
"""How many execution environments of each new function start before its first call."""

ENVIRONMENTS_MOST = "DRS_WAVES_ENVIRONMENTS_MOST"
"""How many execution environments of a function run at once; further calls wait for one of them. Unlimited without it.

Fifty calls that come at once would start fifty environments. On AWS those start beside each other; here they share the
processors, and to wait for one that runs takes less time.
"""

FORWARDERS = "DRS_WAVES_ENGINE_FORWARDERS"
"""Ports on 127.0.0.1 whose listeners pass requests on to the engine as their callers signed them, separated by commas.

The door accepts their host names. Requests from them need the secret as well.
"""

METER = "DRS_WAVES_ENGINE_METER"
"""The file to which the engine writes what `meter` counts each second. Without it nothing is measured.

What `function_meter` notes is in `functions.json` beside it.
"""

FUNCTIONS = "functions.json"

TIMES_HEADER = "x-engine-times"
"""The header of an answer with its times in milliseconds, as JSON, if the engine measures.

`total` is from the engine's first line of Python for the request to its last. Of that, `start` is the start of an
execution environment and `function` the function, both 0 without one. `cpu` is what the function's process computed.
"""
