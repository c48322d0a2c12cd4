"""Operations of documents, and what is checked before one runs.

AWS's own documents are in every account and Region; the control API adds more.
"""

from typing import Any

from drs_emulator.errors import Refused
from drs_emulator.operations.registry import Call, operation
from drs_emulator.operations.systems_manager.paging import paginate_ssm
from drs_emulator.records.ssm_document import AWS_DOCUMENTS, SsmDocument
from drs_emulator.world.target import Target


def find_versions(target: Target, name: str) -> list[SsmDocument]:
    """Return all versions of a document, by its name or its ARN; the newest is last, and is the default."""
    short = name.rsplit("/", 1)[-1]
    added = target.documents.get(short)
    return added or ([AWS_DOCUMENTS[short]] if short in AWS_DOCUMENTS else [])


def pick_version(versions: list[SsmDocument], version: str | None) -> SsmDocument | None:
    """Return the asked version, or None. `$DEFAULT`, `$LATEST` and no version are the newest."""
    if version in (None, "$DEFAULT", "$LATEST"):
        return versions[-1]
    return next((each for each in versions if str(each.version) == version), None)


@operation("DescribeDocument", "ssm")
def describe_document(call: Call) -> dict[str, Any]:
    versions = find_versions(call.target, call.input["Name"])
    if not versions:
        raise Refused("InvalidDocument", f"Document with name {call.input['Name']} does not exist.")
    document = pick_version(versions, call.input.get("DocumentVersion"))
    if document is None:
        raise Refused("InvalidDocumentVersion", "The document version is not valid or does not exist.")
    return {"Document": document.describe(versions[-1].version)}


@operation("ListDocuments", "ssm")
def list_documents(call: Call) -> dict[str, Any]:
    """In order of name. The filters Name (a prefix), Owner, PlatformTypes and DocumentType are built."""
    newest = AWS_DOCUMENTS | {name: versions[-1] for name, versions in call.target.documents.items()}
    asked = {each["Key"]: each.get("Values", []) for each in call.input.get("Filters") or ()}
    asked |= {each["key"]: [each["value"]] for each in call.input.get("DocumentFilterList") or ()}
    matching = [newest[name] for name in sorted(newest) if _matches(newest[name], asked)]
    return paginate_ssm(call, matching, lambda each: each.name, SsmDocument.identify, "DocumentIdentifiers")


def _matches(document: SsmDocument, asked: dict[str, list[str]]) -> bool:
    for key, values in asked.items():
        match key:
            case "Name":
                fits = document.name.startswith(tuple(values))
            case "Owner":
                own = "Amazon" if document.owner == "Amazon" else "Self"
                fits = "All" in values or own in values
            case "PlatformTypes":
                fits = bool(set(values) & set(document.platforms))
            case "DocumentType":
                fits = document.kind in values
            case _:
                raise Refused("InvalidFilterKey", f"The filter key {key} is not valid.")
        if not fits:
            return False
    return True


def check_parameters(document: SsmDocument, sent: dict[str, list[str]], code: str) -> None:
    """Raise Refused with `code` unless the parameters are those of the document."""
    known = {each.name: each for each in document.parameters}
    for name in sent:
        if name not in known:
            raise Refused(code, f"Parameters [{name}] not defined in document {document.name}.")
    for name, parameter in known.items():
        values = sent.get(name)
        if values is None:
            if parameter.default is None:
                raise Refused(code, f"Parameters [{name}] are missing in the request of document {document.name}.")
        elif parameter.kind == "String" and len(values) != 1:
            raise Refused(code, f"Parameter {name} is a String and has {len(values)} values.")
        elif parameter.allowed and not set(values) <= set(parameter.allowed):
            raise Refused(code, f"Parameter {name} must be one of {', '.join(parameter.allowed)}.")
