"""Evaluation: one protocol (:mod:`.protocol`), everybody side by side.

clips (what is scored on) -> methods (whose frames) -> run -> protocol (the figures) -> summary -> page.
"""
