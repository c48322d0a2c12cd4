"""One Lambda function per Task state; each file is named after its state. `states` has their inputs and outputs.

A handler parses its input, calls one function of `runs`, `cleanup` or `cache`, logs one fact and returns. It has no
rule, and no room imports it.
"""
