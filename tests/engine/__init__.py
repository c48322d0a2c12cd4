"""Run the project's real state machines and real handlers on moto, in process.

`Engine` (world.py) is the door. moto_patches corrects moto, limits.py holds executions to
the limits AWS sets and moto does not, lambda_runtime.py runs the handlers, asl.py reads and checks state machines.
"""

from tests.engine.asl import Problem, assert_sound, check, execution_name_problem, load
from tests.engine.lambda_runtime import FunctionFault, Invocation, LambdaRuntime
from tests.engine.limits import AwsRuleBroken
from tests.engine.world import Engine, Execution

__all__ = [
    "AwsRuleBroken",
    "Engine",
    "Execution",
    "FunctionFault",
    "Invocation",
    "LambdaRuntime",
    "Problem",
    "assert_sound",
    "check",
    "execution_name_problem",
    "load",
]
