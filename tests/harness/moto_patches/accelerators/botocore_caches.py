"""Keep what botocore and moto otherwise compute again for each test or call."""

import functools
import importlib
from typing import Any

import botocore.session

from sandbox.engine.patch import accelerator


@accelerator
def read_service_models_once() -> None:
    """Share one loader of service models between all sessions.

    `mock_aws` gives each test a new boto3 session, which reads the model of every service from disk again (0.1 s for
    the first client of each service). Sharing is safe: clients of one session already share the models.
    """
    module: Any = botocore.session
    module.create_loader = functools.cache(module.create_loader)


@accelerator
def cache_constant_results() -> None:
    """Do not patch `requests`, and cache user agents and event names.

    moto spends 35 ms per test on patching `requests`, which no code here uses to call AWS. botocore computes the user
    agent and the names of its events again for each call.
    """
    importlib.import_module("moto.core.models").RESPONSES_METHODS = []  # type: ignore[attr-defined]
    useragent: Any = importlib.import_module("botocore.useragent")
    name = "sanitize_user_agent_string_component"
    setattr(useragent, name, functools.cache(getattr(useragent, name)))
    aliaser: Any = importlib.import_module("botocore.hooks").EventAliaser
    alias, known = aliaser._alias_event_name, dict[str, str]()

    def alias_event_name(self: Any, event: str) -> str:
        if event not in known:
            known[event] = alias(self, event)
        return known[event]

    aliaser._alias_event_name = alias_event_name
