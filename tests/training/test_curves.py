"""Loss curves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from blurlive.training.curves import BOTTOM, COLOURS, HEIGHT, LEFT, RIGHT, TOP, WIDTH, draw_curves


def test_a_loss_that_falls_below_zero_is_not_drawn_on_a_log_scale() -> None:
    frames = [{"step": step, "losses": {"frames": 1 / step}} for step in (1, 2, 3)]
    both = [{**row, "losses": {**row["losses"], "adversarial": 1 - row["step"]}} for row in frames]
    nothing = [{"step": 1, "losses": {}}]
    assert draw_curves(both).tobytes() == draw_curves(frames).tobytes() != draw_curves(nothing).tobytes()


def line_of(picture: Image.Image, plot: int) -> NDArray[np.float64]:
    """Height of the first series' line in each column of a plot where it is drawn, its last point's disc left out, from
    0 at the bottom to 1 at the top; NaN elsewhere."""
    inside = (slice(TOP, HEIGHT - BOTTOM + 1), slice(plot * WIDTH + LEFT, (plot + 1) * WIDTH - RIGHT - 4))
    drawn = (np.asarray(picture)[inside] == ImageColor.getrgb(COLOURS[0])).all(-1)
    rows = np.arange(len(drawn))[:, None]
    with np.errstate(invalid="ignore"):
        return 1 - (drawn * rows).sum(0) / drawn.sum(0) / (len(drawn) - 1)


def test_lines_run_from_the_first_step_to_the_last_between_the_least_and_the_greatest() -> None:
    """Losses are straight on a log scale, validation is on its own."""
    rows = [
        {"step": step, "losses": {"frames": 10 ** -(step / 50)}, "validation": {"psnr": 20 + step / 10}}
        for step in range(0, 101, 10)
    ]
    picture = draw_curves(rows)
    assert picture.size == (2 * WIDTH, HEIGHT)
    for plot, ends in ((0, (0.95, 0.05)), (1, (0.05, 0.95))):
        heights = line_of(picture, plot)
        assert not np.isnan(heights).any()
        assert np.abs(heights - np.linspace(*ends, len(heights))).max() < 0.02


def test_a_run_that_just_began_is_drawn_and_an_empty_one_says_so() -> None:
    begun = draw_curves([{"step": 5, "losses": {"frames": 0.1}}])
    empty = draw_curves([])
    discs = [(np.asarray(picture) == ImageColor.getrgb(COLOURS[0])).all(-1).any() for picture in (begun, empty)]
    assert discs == [True, False]
    assert np.array_equal(np.asarray(begun)[:, WIDTH:], np.asarray(empty)[:, WIDTH:])  # no validation in either


def test_each_of_eight_series_has_its_colour_and_is_named() -> None:
    names = ("frames", "perceptual", "gram", "centre", "motion", "flow", "line", "reblur")
    rows = [{"step": step, "losses": {name: (n + 1) / step for n, name in enumerate(names)}} for step in (1, 2, 3)]
    shown = np.asarray(draw_curves(rows))
    for colour in COLOURS:
        places = np.argwhere((shown == ImageColor.getrgb(colour)).all(-1))
        assert ((places[:, 0] < TOP) & (places[:, 1] < WIDTH)).any(), colour  # its name, above the plot
        assert ((places[:, 0] >= TOP) & (places[:, 1] < WIDTH)).any(), colour
