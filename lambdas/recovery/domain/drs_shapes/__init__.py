"""DRS's answers as typed values.

The model of DRS leaves most members optional, so every `from_drs` accepts an answer with only the ids.
"""
