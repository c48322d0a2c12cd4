"""The servers of a run, ten thousand of them.

`index` reads them in the background and keeps them as the rows of `rows`, which also searches, filters and sorts them.
`csv_file` writes them as a table, and `one_server` has what the page of one server shows.
"""
