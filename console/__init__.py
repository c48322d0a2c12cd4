"""The operators' console: web pages of one deployment, served on 127.0.0.1 with the caller's own AWS credentials.

It calls the public API with the client of the command, and nothing else. `reading` turns answers of the API into what
pages show, `pages` answers requests, `templates` and `static` have the HTML, the style and the script. `guard` keeps
other users and other web pages out. Nothing of it runs on AWS.
"""
