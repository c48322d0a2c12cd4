"""One Lambda function per Task state; each file is named after its state. `states` has their inputs and outputs.

A handler parses its input, calls the room whose work it is, logs one fact and returns. The two handlers that end a run
then schedule its clean-up, because `runs` and `cleanup` may not import each other. No room imports a handler.
"""

import gc

# Nearly all that an import makes stays, and a search of it for garbage takes a tenth of a start. `task` enables the
# collector again, once the handler that it wraps is defined.
gc.disable()
