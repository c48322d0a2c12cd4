"""The evidence of runs: what the API says of a run, rendered, summed up, signed, and put into the bucket.

It asks the handlers of the API in this process, so that the report of the control plane is the one of the command.
"""
