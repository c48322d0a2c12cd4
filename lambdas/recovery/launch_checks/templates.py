"""Reads the default versions of launch templates, with few calls for many of them."""

from collections.abc import Collection

from recovery.domain.target import Target
from recovery.target_errors import NotInTarget
from recovery.target_services import launch_templates
from recovery.target_services.launch_templates import TemplateVersion

# With more templates than this, all default versions of the target are listed, 200 a call.
MANY = 10


def read_default_versions(target: Target, template_ids: Collection[str]) -> dict[str, TemplateVersion]:
    """The default version of each of the templates that has one.

    Raise TargetAccessDenied, TargetRefused, and errors that are transient.
    """
    if len(template_ids) > MANY:
        try:
            listed = launch_templates.list_default_versions(target)
            return {each: listed[each] for each in template_ids if each in listed}
        except NotInTarget:  # a template without its default version refuses the list, and has to be found
            pass
    found = ((each, launch_templates.get_version(target, each)) for each in sorted(template_ids))
    return {template_id: version for template_id, version in found if version}


def find_templates(target: Target, template_ids: Collection[str]) -> frozenset[str]:
    """Those of the templates that exist. Raise TargetAccessDenied, TargetRefused, and errors that are transient."""
    return frozenset(launch_templates.get_default_numbers(target, template_ids))
