"""Guards the HTTP listeners that this project opens on the engineer's machine.

`guard` decides which requests a listener refuses: those of web pages, those to a host name of another owner, and those
without the listener's secret. `private_files` writes the files that hand a secret to its clients.

The local AWS, the DRS emulator and test servers use it. It imports nothing but the standard library.
"""
