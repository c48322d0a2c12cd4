"""AWS in this process: the project's real state machines and real handlers run on moto.

`engine.Engine` is the entry point. `moto_patches` makes moto answer as AWS does, `limits` applies the limits of Step
Functions, `lambda_runtime` runs the handlers, `asl` reads and checks state machines, `jsonata_evaluator` evaluates
their expressions. The tests here are tests of the harness alone; it knows nothing of the product.
"""
