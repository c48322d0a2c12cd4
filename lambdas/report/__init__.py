"""The report of a run: `collect` reads what the API knows, `document` judges it, `page` renders it as HTML.

`document`, `page` and what they use are pure: the same facts give the same report. Facts that are not
in the record are None and shown as unknown; they are never guessed.
"""
