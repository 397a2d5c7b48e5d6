"""Damaged files for everything that reads what others wrote: photos, and weights files.

``damage`` makes them, for the tests of the suite too; ``python -m tests.fuzz`` reads them by the hundred thousand.
"""
