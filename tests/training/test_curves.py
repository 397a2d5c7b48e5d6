"""Loss curves."""

from __future__ import annotations

from blurlive.training.curves import draw_curves


def test_a_loss_that_falls_below_zero_is_not_drawn_on_a_log_scale() -> None:
    frames = [{"step": step, "losses": {"frames": 1 / step}} for step in (1, 2, 3)]
    both = [{**row, "losses": {**row["losses"], "adversarial": 1 - row["step"]}} for row in frames]
    nothing = [{"step": 1, "losses": {}}]
    assert draw_curves(both).tobytes() == draw_curves(frames).tobytes() != draw_curves(nothing).tobytes()
