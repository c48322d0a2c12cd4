"""One Lambda function per Task state; each file is named after its state. `states` has their inputs and outputs.

A handler parses its input, calls the room whose work it is, logs one fact and returns. The two handlers that end a run
then schedule its clean-up, because `runs` and `cleanup` may not import each other. No room imports a handler.
"""
