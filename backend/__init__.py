"""Tongyu (一码通域): the backend. `app.py` wires it; every other folder is one part of the house."""
