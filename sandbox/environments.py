"""Environments of the sandbox's processes. No process started with them can reach AWS."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.engine import FORWARDERS
from sandbox.settings import HOST, HUB_ACCOUNT, REGION, SECRET_KEY

SERVICES_OF_EMULATOR = {
    "drs": "DRS",
    "ssm": "SSM",
    "ec2": "EC2",
    "elbv2": "ELASTIC_LOAD_BALANCING_V2",
    "iam": "IAM",
    "service-quotas": "SERVICE_QUOTAS",
}
"""Services whose address is the DRS emulator's, by their names in boto3, with the names that AWS_ENDPOINT_URL_ takes.

The emulator passes calls of EC2, Elastic Load Balancing and IAM that it does not play on to the engine.
"""


def build_clean_environment() -> dict[str, str]:
    """Our environment without variables that name AWS credentials, a profile, or a proxy for 127.0.0.1."""
    unwanted = ("AWS_", "SAM_", "MINISTACK_", "PYTHONDONTWRITEBYTECODE")  # sam alone takes 5 s to compile
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {
        **kept,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": f"{HOST},localhost",
        "no_proxy": f"{HOST},localhost",
        "PYTHONUNBUFFERED": "1",
    }


def build_engine_environment(
    port: int, folder: Path, *, secret: str, drs_url: str, speed: float, origin: float, iam: bool
) -> dict[str, str]:
    """The environment of MiniStack and of the functions, which inherit it but for AWS_SESSION_TOKEN.

    `secret` is what callers of the engine send as their session token. Functions get tokens of their own.
    """
    return {
        **build_clean_environment(),
        # The engine itself
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "LAMBDA_EXECUTOR": "local",
        "MINISTACK_ACCOUNT_ID": HUB_ACCOUNT,
        "MINISTACK_REGION": REGION,
        "AWS_SESSION_TOKEN": secret,
        "AUTH": "true" if iam else "false",
        "SFN_WAIT_SCALE": str(1 / speed),
        "S3_DATA_DIR": str(folder / "s3"),
        "STATE_DIR": str(folder / "state"),
        "TMPDIR": str(folder / "tmp"),
        FORWARDERS: str(urlsplit(drs_url).port),
        # Listeners on fixed ports that the sandbox does not use
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # The functions
        **{f"AWS_ENDPOINT_URL_{service}": drs_url for service in SERVICES_OF_EMULATOR.values()},
        "DRS_WAVES_CLOCK": f"{speed:g}@{origin:.3f}",
    }


def build_emulator_environment(secret: str) -> dict[str, str]:
    """The environment of the DRS emulator, which has the secret of the engine, and calls the engine with it."""
    return {**build_clean_environment(), "DRS_EMULATOR_SECRET": secret, "DRS_EMULATOR_ENGINE_TOKEN": secret}


def build_caller_environment(engine_url: str, folder: Path, secret: str) -> dict[str, str]:
    """The environment of a process that calls the engine as the administrator of the hub account."""
    return {
        **build_clean_environment(),
        "AWS_ACCESS_KEY_ID": HUB_ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": secret,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": engine_url,
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.2",
        "__SAM_CLI_APP_DIR": str(folder / "sam"),
    }
