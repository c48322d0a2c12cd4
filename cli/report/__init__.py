"""The report of a run: `collect` reads what the API knows, `document` judges it, `page` renders it as HTML.

`document`, `page` and what they use are pure: the same facts give the same report. What the record does not know is
None and shown as unknown; it is never guessed.
"""
