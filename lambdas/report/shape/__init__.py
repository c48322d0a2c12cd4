"""The shape of report.json, from which scripts/report_schema.py makes docs/report.schema.json.

Nothing imports it at run time: pydantic takes longer to import than a command may take.
"""
