"""cfn/template.yaml as CloudFormation is given it: SAM's resources made those of AWS. Asks nothing of the network.

python scripts/translate.py > build/checks/template.yaml
"""

from pathlib import Path
from typing import Any

from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse

CFN = Path(__file__).resolve().parent.parent / "cfn"


class _NoManagedPolicies:
    """Their list would be asked of IAM; the template uses none."""

    def load(self) -> dict[str, str]:
        return {}


def translated() -> str:
    """The template as YAML. Raise samcli's InvalidSamDocumentException."""
    template: dict[str, Any] = yaml_parse((CFN / "template.yaml").read_text())
    validator = SamTemplateValidator(template, _NoManagedPolicies(), region="us-west-2")
    text: str = validator.get_translated_template_if_valid()
    return text


if __name__ == "__main__":
    print(translated())
