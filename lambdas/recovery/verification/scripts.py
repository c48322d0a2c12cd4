"""The scripts that try a port or ask for an HTTP answer on the server itself. Their exit code decides.

They are made from settings that were validated when the plan was written, and that are quoted here all the same.
"""

import shlex
from collections.abc import Mapping
from typing import Any

from recovery.domain.wave_steps.checks import Check, CheckKind

SHELL_DOCUMENT, POWERSHELL_DOCUMENT = "AWS-RunShellScript", "AWS-RunPowerShellScript"

# A script may take so many seconds more than the one try that it makes: an interpreter has to start.
MARGIN_SECONDS = 15

# Characters of an answer that a script prints.
_MAX_CHARACTERS = 300


def build_script(check: Check, platform: str) -> tuple[str, list[str]]:
    """The document that runs the script on this platform of Systems Manager, and the lines of the script."""
    build = {CheckKind.TCP: (_tcp_shell, _tcp_powershell), CheckKind.HTTP: (_http_shell, _http_powershell)}[check.kind]
    if platform == "Windows":
        return POWERSHELL_DOCUMENT, build[1](check.settings)
    return SHELL_DOCUMENT, build[0](check.settings)


def timeout_seconds(check: Check) -> int:
    """How long one try waits for the connection or the answer."""
    return int(check.settings.get("timeoutSeconds", 5))


def _tcp_shell(settings: Mapping[str, Any]) -> list[str]:
    port, seconds = int(settings["port"]), int(settings.get("timeoutSeconds", 5))
    connect = shlex.quote(f"exec 3<>/dev/tcp/127.0.0.1/{port}")
    works = f"echo 'port {port} accepts connections'; exit 0"
    return [
        f"if answer=$(timeout {seconds} bash -c {connect} 2>&1); then {works}; fi",
        f"""printf '%.{_MAX_CHARACTERS}s\\n' "port {port} does not accept connections: ${{answer:-no answer}}\"""",
        "exit 1",
    ]


def _http_shell(settings: Mapping[str, Any]) -> list[str]:
    port, seconds, expect = int(settings["port"]), int(settings.get("timeoutSeconds", 5)), int(settings["expect"])
    host, scheme = settings.get("host"), settings.get("scheme", "http")
    address = f"{scheme}://{host or '127.0.0.1'}:{port}{settings.get('path', '/')}"
    words = ["curl", "--disable", "--silent", "--show-error", "--globoff", "--path-as-is", "--noproxy", "*"]
    words += ["--max-time", str(seconds), "--output", "/dev/null", "--write-out", "%{http_code}"]
    words += ["--resolve", f"{host}:{port}:127.0.0.1"] if host else []
    words += ["--insecure"] if scheme == "https" and not host else []
    return [
        f"answer=$({shlex.join([*words, address])} 2>&1)",
        f"""if [ "$answer" = '{expect}' ]; then echo 'HTTP status {expect}'; exit 0; fi""",
        f"""printf '%.{_MAX_CHARACTERS}s\\n' "expected HTTP status {expect}, got $answer\"""",
        "exit 1",
    ]


def _quote(text: str) -> str:
    """The text as a literal of PowerShell."""
    return "'" + text.replace("'", "''") + "'"


def _in_powershell(lines: list[str]) -> list[str]:
    problem = [
        "$text = [string]$_.Exception.GetBaseException().Message",
        f"$text.Substring(0, [Math]::Min($text.Length, {_MAX_CHARACTERS}))",
    ]
    return ["$ErrorActionPreference = 'Stop'", "try {", *lines, "} catch {", *problem, "}", "exit 1"]


def _connect_powershell(settings: Mapping[str, Any]) -> list[str]:
    port, milliseconds = int(settings["port"]), 1_000 * int(settings.get("timeoutSeconds", 5))
    return [
        "$client = New-Object System.Net.Sockets.TcpClient",
        f"if (-not $client.ConnectAsync('127.0.0.1', {port}).Wait({milliseconds})) {{",
        f"throw 'port {port} does not accept connections: no answer' }}",
        f"$client.ReceiveTimeout = {milliseconds}; $client.SendTimeout = {milliseconds}",
    ]


def _tcp_powershell(settings: Mapping[str, Any]) -> list[str]:
    port = int(settings["port"])
    return _in_powershell([*_connect_powershell(settings), f"'port {port} accepts connections'; exit 0"])


def _http_powershell(settings: Mapping[str, Any]) -> list[str]:
    """The request is written by hand: `Invoke-WebRequest` can neither ask 127.0.0.1 for a host nor check its name."""
    host, expect = settings.get("host"), int(settings["expect"])
    lines = [*_connect_powershell(settings), "$stream = $client.GetStream()"]
    if settings.get("scheme") == "https":
        trust = "" if host else ", { $true }"
        lines += [
            f"$stream = New-Object System.Net.Security.SslStream($stream, $false{trust})",
            f"$stream.AuthenticateAsClient({_quote(host or '127.0.0.1')}, $null, 'Tls12', $false)",
        ]
    request = f"GET {settings.get('path', '/')} HTTP/1.1"
    headers = f"Host: {host or '127.0.0.1'}:{int(settings['port'])}"
    lines += [
        f"$lines = {_quote(request)}, {_quote(headers)}, 'Connection: close', '', ''",
        '$request = [System.Text.Encoding]::ASCII.GetBytes($lines -join "`r`n")',
        "$stream.Write($request, 0, $request.Length)",
        "$answer = (New-Object System.IO.StreamReader($stream)).ReadLine()",
        f"if ($answer -match '^HTTP/[0-9.]+ {expect}( |$)') {{ 'HTTP status {expect}'; exit 0 }}",
        f"throw ('expected HTTP status {expect}, got ' + $answer)",
    ]
    return _in_powershell(lines)
