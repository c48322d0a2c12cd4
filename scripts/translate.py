"""Translates a template of cfn/ as CloudFormation does: SAM's resources become those of AWS. Needs no network.

python scripts/translate.py template.yaml > build/checks/template.yaml
"""

import sys
from pathlib import Path
from typing import Any

from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse

CFN = Path(__file__).resolve().parent.parent / "cfn"


class _NoManagedPolicies:
    """SAM would read the names of AWS's managed policies from IAM. The templates name none."""

    def load(self) -> dict[str, str]:
        return {}


def translate_template(name: str, region: str = "us-west-2") -> str:
    """Translate the template of this name as in this Region, and return it as YAML.

    SAM writes the partition of the Region into ARNs. Raise samcli's InvalidSamDocumentException.
    """
    template: dict[str, Any] = yaml_parse((CFN / name).read_text())
    validator = SamTemplateValidator(template, _NoManagedPolicies(), region=region)
    text: str = validator.get_translated_template_if_valid()
    return text


if __name__ == "__main__":
    print(translate_template(sys.argv[1]))
