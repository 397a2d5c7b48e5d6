"""The two recipes as plain values: ``blurlive``, which makes the shipped weights, and ``paper`` (Sec. 4.2 to the
letter)."""

from __future__ import annotations

import copy
from typing import Any

from ..errors import ConfigError
from ..losses import ALPHA, BETA

_EQ5 = {"content": 1.0, "perceptual": 1.0, "pair": 1.0, "adversarial": ALPHA, "critic": 1.0, "flow": BETA}
"""Eq. 5. The discriminator's own loss has weight 1: it has parameters of its own, so only its learning rate matters."""

LOSSES: dict[str, dict[str, dict[str, float]]] = {
    "blurlive": {
        "base": {"frames": 1.0, "direction": 1.0},
        # Shares, as features have units of their own: a VGG's Gram matrices differ by hundreds, those of derivatives by
        # thousandths.
        "gram": {
            "frames": 1.0,
            "direction": 1.0,
            "triples": 1.0,
            "relative_gram": 0.1,
            "relative_perceptual": 0.3,
        },
        "hepta": {"frames": 1.0, "direction": 1.0, "blur_cycle": 1.0, "frame_cycle": 1.0},
    },
    # Eq. 7 is "additional" (Sec. 3.2): alone, it would let go of colours and places. Eq. 8 stands alone (Sec. 3.3).
    "paper": {
        "base": _EQ5,
        "gram": {**_EQ5, "gram": 1.0},
        "hepta": {"blur_cycle": 1.0, "frame_cycle": 1.0},
    },
}

_BLURLIVE: dict[str, dict[str, Any]] = {
    "base": {},
    # The later stages polish: an eighth of the first's learning rates, fewer steps, two of the nine triples a step.
    # They average light, as a shutter does: averages of values are photos such as no camera takes.
    "gram": {"steps": 1500, "triples": 2, "gamma": 2.2, "optim": {"muon": 0.00125, "adamw": 1.25e-4, "decay": 1000}},
    "hepta": {"steps": 1500, "gamma": 2.2, "optim": {"muon": 0.00125, "adamw": 1.25e-4, "decay": 1000}},
}

_PAPER: dict[str, Any] = {
    "steps": 200_000,
    "frames_from": "recovered",
    "model": {"generator": {"channels": 1, "directed": False, "init": "normal"}},
    "optim": {
        "muon": 0.0,
        "adamw": 1e-4,  # AdamW without weight decay is Adam
        "critic": 1e-4,
        "warmup": 1,
        "decay": 10**9,  # clipped to the run's length: the rate falls from its first step on ...
        "floor": 0.1,  # ... down to 1e-5
        "clip": 0.0,
        "ema": 0.0,
    },
    "data": {
        "size": 128,
        "batch": 4,
        "scene": {
            "exposures": (1.0, 0.0, 0.0),
            "plain": 1.0,
            "half": 0.0,
            "backwards": False,
            "camera": {
                "linear": 1.0,
                "lights": 0.0,
                "tone": 0.0,
                "grey": 0.0,
                "noise": 0.0,
                "strong_noise": 0.0,
                "jpeg": 0.0,
                "sharpened": 0.0,
            },
        },
    },
}


def recipe_values(recipe: str, stage: str) -> dict[str, Any]:
    """Values of a recipe at a stage, to be laid under a configuration. Raises :class:`ConfigError` for unknown
    names."""
    if recipe not in LOSSES:
        raise ConfigError(f"--recipe {recipe}: unknown; use {', '.join(LOSSES)}")
    if stage not in LOSSES[recipe]:
        raise ConfigError(f"--stage {stage}: unknown; use {', '.join(LOSSES[recipe])}")
    values = _PAPER if recipe == "paper" else _BLURLIVE[stage]
    return copy.deepcopy({**values, "recipe": recipe, "stage": stage, "losses": LOSSES[recipe][stage]})
