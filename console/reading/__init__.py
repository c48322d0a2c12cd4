"""What pages show, read from the API: one module for each page, without a word of HTML.

Each topic has a function `read(api, …)`, whose answer is JSON: its digest tells a page whether anything has changed.
"""
