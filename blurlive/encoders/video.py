"""Video files: H.264 in MP4, VP9 in WebM, and the blurred photo beside the playing frames.

Colours are converted to and tagged as BT.709 in video range: untagged, a player guesses, and red (220, 60, 40) becomes
(234, 73, 35). Chroma is halved (4:2:0), which all players know and which needs even sizes in H.264: an odd edge is
doubled there, so that 641x361 is stored as 642x362 and nothing is rescaled. VP9 stores odd sizes as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..videos import file_url
from .clip import Clip, Frame, Sink
from .ffmpeg import ffmpeg

PAPER = 255
"""Grey level of the gap between two pictures."""
WIDEST = 16 / 9
"""Photos wider than this are shown above, not beside each other."""

_COLOURS = (
    "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int,"
    "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv,format=yuv420p"
)


@dataclass(frozen=True)
class _Codec:
    container: str
    options: str
    even: bool = False
    """Whether sizes must be even."""
    large: str = ""
    """More options for pictures of more than ``_LARGE`` pixels."""


# Above so many pixels H.264 keeps as few pictures as it can: one reference, none looked ahead to, and threads that
# share a picture instead of taking one each. At 48 MP that is 1.2 GiB instead of 2.7, for a larger file
# (`python benchmarks/memory.py 48`, with and without ``large`` below).
_LARGE = 12_000_000
_FRUGAL = "-rc-lookahead 0 -refs 1 -threads 2 -x264-params mbtree=0:sync-lookahead=0:weightp=0:sliced-threads=1"
# A keyframe codes all of the picture anew, and a still background pulses there: so none within the 252 frames of three
# rounds of slow motion. One in so many keeps stepping back bearable in longer clips. Frames are stored in the order
# they are shown (no B-frames), so that a clip repeats by copying. Short look-aheads bound the memory.
_H264 = _Codec("mp4", "-c:v libx264 -preset medium -crf 16 -bf 0 -g 252 -rc-lookahead 7", even=True, large=_FRUGAL)
# One quantizer for all frames: left to itself, VP9 keeps every few frames far better than those between, and the small
# steps of slow motion come out uneven. Its crf must not lie outside the bounds.
_VP9 = _Codec(
    "webm", "-c:v libvpx-vp9 -crf 8 -qmin 8 -qmax 8 -b:v 0 -deadline good -cpu-used 3 -row-mt 1 -g 252 -lag-in-frames 7"
)


@contextmanager
def mp4(path: Path, clip: Clip) -> Iterator[Sink]:
    """H.264, visually lossless, that browsers and QuickTime play; it starts before it is all downloaded."""
    with _video(path, clip.size, clip, _H264) as sink:
        yield sink


@contextmanager
def webm(path: Path, clip: Clip) -> Iterator[Sink]:
    """VP9, visually lossless, in the exact size of the photo."""
    with _video(path, clip.size, clip, _VP9) as sink:
        yield sink


@contextmanager
def side(path: Path, clip: Clip) -> Iterator[Sink]:
    """An MP4 with the blurred photo on the left (on top, for a panorama) and the frames playing beside it."""
    width, height = clip.size
    canvas_width, canvas_height = side_size(clip)
    canvas = np.full((canvas_height, canvas_width, 3), PAPER, np.uint8)
    canvas[:height, :width] = clip.blurred
    with _video(path, (canvas_width, canvas_height), clip, _H264) as sink:

        def beside(frame: Frame) -> None:
            canvas[-height:, -width:] = frame
            sink(canvas)

        yield beside


def side_size(clip: Clip) -> tuple[int, int]:
    """Width and height of the two pictures with a thin gap."""
    width, height = clip.size
    gap = 2 * max(1, round(max(width, height) / 300))
    return (width, 2 * height + gap) if width / height > WIDEST + 0.01 else (2 * width + gap, height)


@contextmanager
def _video(path: Path, size: tuple[int, int], clip: Clip, codec: _Codec) -> Iterator[Sink]:
    """Encode the frames once; play them again by copying the encoded pictures, which is exact and needs no memory."""
    once = path.with_name("once") if clip.repeat > 1 else path
    right, bottom = (size[0] % 2, size[1] % 2) if codec.even else (0, 0)
    edges = ((0, bottom), (0, right), (0, 0))
    stored = f"{size[0] + right}x{size[1] + bottom}"
    options = f"{codec.options} {codec.large}" if size[0] * size[1] > _LARGE else codec.options
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", stored, "-r", str(clip.rate), "-i", "pipe:")
    with ffmpeg(*raw, "-vf", _COLOURS, *options.split(), *_container(codec), output=once) as feed:
        yield lambda frame: feed(np.pad(frame, edges, mode="edge") if right or bottom else frame)
    if clip.repeat > 1:
        again = ("-stream_loop", str(clip.repeat - 1), "-i", file_url(once), "-c", "copy", *_container(codec))
        with ffmpeg(*again, output=path):
            pass
        once.unlink()


def _container(codec: _Codec) -> tuple[str, ...]:
    faststart = ("-movflags", "+faststart") if codec.container == "mp4" else ()
    return ("-map_metadata", "-1", *faststart, "-f", codec.container)
