"""Figures of the bridge: how many calls, packets and lines a core carries.

figures.py says which figures there are; subject.py how one program is put
under load; callbridge.py and asterisk.py are the two programs; __main__.py
measures and prints. The load itself is the program tools/load.
"""
