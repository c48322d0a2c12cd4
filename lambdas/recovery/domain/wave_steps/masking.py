"""Masks secrets in what documents, functions and machines of others return, before a record keeps it."""

import re

_HIDDEN = "***"

# Access keys of AWS, tokens in three parts, private keys; passwords in addresses; and values after a name that says so.
_SECRETS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
)
_IN_ADDRESS = re.compile(r"(://[^/\s:@]+:)[^/\s@]+(?=@)")
_NAMED = re.compile(
    r"((?:pass(?:word|wd|phrase)?|secret|api_?-?key|access_?-?key(?:_?-?id)?|private_?-?key|credentials?|token|bearer|"
    r"authorization)[\w-]*[\"']?\s*(?:[=:]|\s(?=[\w-]{16}))\s*)"
    r"(\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|(?:Bearer |Basic )?[^\s,;&}\"']+)",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """The text without what looks like a secret. An expression cannot know every secret: scripts must not print any."""
    for pattern in _SECRETS:
        text = pattern.sub(_HIDDEN, text)
    text = _IN_ADDRESS.sub(rf"\1{_HIDDEN}", text)
    return _NAMED.sub(rf"\1{_HIDDEN}", text)
