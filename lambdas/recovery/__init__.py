"""The product behind the API and the tasks. docs/architecture.md describes its packages, the rooms."""

VERSION = "0.1.0"
