"""The configuration file: named deployments, and the name of the default one.

    default = "prod"

    [contexts.prod]
    stack = "drs-waves-prod"      # or api-url = "https://..."
    region = "eu-west-1"
    profile = "hub"

It is `$DRS_WAVES_CONFIG`, or else `drs-waves/config.toml` in `$XDG_CONFIG_HOME` or `~/.config`. Credentials have no
place in it.
"""

import difflib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loopback.private_files import write_private
from recovery.free_text import find_hidden, flatten

_KEYS = ("stack", "api-url", "profile", "region")
_TOP_KEYS = ("default", "contexts")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
# The line of the default, above the first table.
_DEFAULT_LINE = re.compile(r"^[ \t]*(?:default|\"default\"|'default')[ \t]*=.*$", re.MULTILINE)
_FIRST_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)

_EXAMPLE = """\
  default = "prod"

  [contexts.prod]
  stack = "drs-waves-prod"
  region = "eu-west-1"
  profile = "hub"\
"""


class ConfigInvalid(Exception):
    """The file cannot be read, or it says what it must not. The message names file and key."""


@dataclass(frozen=True, slots=True)
class Context:
    """A deployment with a name. At most one of `stack` and `api_url` is set."""

    name: str
    stack: str | None = None
    api_url: str | None = None
    profile: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """What the file says. A file that does not exist says nothing."""

    path: Path
    default: str | None = None
    contexts: Mapping[str, Context] = field(default_factory=dict)

    def find(self, name: str) -> Context:
        """The context with this name. Raise ConfigInvalid."""
        if name in self.contexts:
            return self.contexts[name]
        if not self.contexts:
            state = "names no contexts" if self.path.exists() else "does not exist"
            raise ConfigInvalid(
                f"{flatten(self.path)} {state}, so there is no context {name!r}. "
                f"Write these lines to it, with the values of your deployment:\n{_EXAMPLE}"
            )
        raise ConfigInvalid(f"{flatten(self.path)}: there is no context {name!r}.{_suggest(name, self.contexts)}")


def find_path() -> Path:
    """Where the file is, whether it exists or not."""
    if named := os.environ.get("DRS_WAVES_CONFIG"):
        return Path(named).expanduser()
    folder = os.environ.get("XDG_CONFIG_HOME")
    return (Path(folder) if folder else Path.home() / ".config") / "drs-waves" / "config.toml"


def read_config() -> Config:
    """What the file says. Raise ConfigInvalid."""
    path = find_path()
    text = _read_text(path)
    return Config(path) if text is None else _parse(path, text)


def describe_missing_default(config: Config) -> str:
    """What to do if the file names no default context: make one the default, or write the file."""
    if config.contexts:
        command = f"drs-waves context use {next(iter(config.contexts))}"
        return f"{flatten(config.path)} names no default context. Set one, for example:  {command}"
    state = "names no contexts" if config.path.exists() else "does not exist"
    return f"{flatten(config.path)} {state}. Write these lines to it, with the values of your deployment:\n{_EXAMPLE}"


def set_default(name: str) -> Path:
    """Make this context the default, in one step that leaves the rest of the file as it is, and return its path.

    Raise ConfigInvalid, OSError.
    """
    config = read_config()
    context = config.find(name)
    path = config.path.resolve()  # the file may be a link into a folder of dotfiles
    text = _read_text(path) or ""
    first_table = _FIRST_TABLE.search(text)
    end = first_table.start() if first_table else len(text)
    line = f"default = {json.dumps(context.name)}"
    head, count = _DEFAULT_LINE.subn(line, text[:end])
    changed = (head if count else f"{line}\n{head}") + text[end:]
    if count > 1 or _parse(path, changed) != Config(path, name, config.contexts):
        raise ConfigInvalid(f"{flatten(path)}: this file is best changed by hand: write {line} above its tables")
    write_private(path, changed)
    return path


def _read_text(path: Path) -> str | None:
    """The text of the file; None if there is none and none is named."""
    try:
        return path.read_bytes().decode()  # with its line ends as they are
    except FileNotFoundError:
        if os.environ.get("DRS_WAVES_CONFIG"):
            raise ConfigInvalid(f"{flatten(path)}, which DRS_WAVES_CONFIG names, does not exist") from None
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"{flatten(path)} cannot be read: {flatten(error)}") from error


def _parse(path: Path, text: str) -> Config:
    import tomllib

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigInvalid(f"{flatten(path)} is not valid TOML: {flatten(error)}") from error
    _refuse_unknown(path, "", data, _TOP_KEYS)
    tables = data.get("contexts", {})
    if not isinstance(tables, dict):
        raise ConfigInvalid(f"{flatten(path)}: contexts: must be tables, such as [contexts.prod]")
    contexts = {name: _parse_context(path, name, table) for name, table in tables.items()}
    default = data.get("default")
    if default is not None and default not in contexts:
        meant = _suggest(str(default), contexts)
        raise ConfigInvalid(f"{flatten(path)}: default: there is no context {flatten(repr(default))}.{meant}")
    return Config(path, default, contexts)


def _parse_context(path: Path, name: str, table: Any) -> Context:
    place = f"contexts.{flatten(name)}"
    if not _NAME.fullmatch(name):
        raise ConfigInvalid(
            f"{flatten(path)}: {place}: a name has letters, digits, dots, hyphens and underscores, 63 at most"
        )
    if not isinstance(table, dict):
        raise ConfigInvalid(f"{flatten(path)}: {place}: must be a table: [{place}]")
    _refuse_unknown(path, f"{place}.", table, _KEYS)
    for key, value in table.items():
        if not isinstance(value, str) or not value.strip() or find_hidden(value):
            raise ConfigInvalid(f"{flatten(path)}: {place}.{key}: must be a text, such as {key} = {_sample(key)}")
    if "stack" in table and "api-url" in table:
        raise ConfigInvalid(f"{flatten(path)}: {place}: give stack or api-url, not both")
    return Context(name, table.get("stack"), table.get("api-url"), table.get("profile"), table.get("region"))


def _refuse_unknown(path: Path, place: str, table: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    for key in table:
        if key not in keys:
            hint = _suggest(key, dict.fromkeys(keys), "Keys")
            raise ConfigInvalid(f"{flatten(path)}: {place}{flatten(key)}: unknown key.{hint}")


def _suggest(name: str, known: Mapping[str, Any], what: str = "There are") -> str:
    close = difflib.get_close_matches(name, known, n=1)
    meant = f" Did you mean {close[0]}?" if close else ""
    return f"{meant} {what}: {', '.join(known) or 'none'}."


def _sample(key: str) -> str:
    samples = {"stack": "drs-waves-prod", "api-url": "https://...", "profile": "hub", "region": "eu-west-1"}
    return json.dumps(samples[key])
