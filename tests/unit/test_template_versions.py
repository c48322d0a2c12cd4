"""Who has written a version of a launch template."""

import pytest

from recovery.target_services.launch_templates import TemplateVersion

SESSION = "arn:aws:sts::111122223333:assumed-role/drs-waves-target"


@pytest.mark.parametrize(
    ("created_by", "description", "is_by_drs"),
    [
        ("arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForElasticDisasterRecovery/drs", "", True),
        (f"{SESSION}/drs-waves-prod-apply-settings", "", True),
        (f"{SESSION}/drs-waves-prod-restore-target", "", True),
        (f"{SESSION}/drs-waves-prod-apply-settings", "drs-waves drill-1: default before was 3", False),
        ("arn:aws:iam::111122223333:user/ana", "", False),
        ("arn:aws:iam::111122223333:user/ana", "drs-waves drill-1: default before was 3", False),
    ],
)
def test_a_version_is_of_drs_if_it_or_a_function_that_changes_configurations_has_written_it(
    created_by: str, description: str, is_by_drs: bool
) -> None:
    version = TemplateVersion("lt-0123456789abcdef0", 4, {}, description, created_by)
    assert version.is_by_drs is is_by_drs
