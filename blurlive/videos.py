"""The ffmpeg program, and what it knows of videos: one frame of them, as a picture."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import imageio_ffmpeg

from .errors import InputError
from .moments import Moment

REMEDY = "reinstall imageio-ffmpeg or set IMAGEIO_FFMPEG_EXE to a working ffmpeg"
_HDR = re.compile(r"Video:.*(smpte2084|arib-std-b67)")
_LASTS = re.compile(r"Duration: (\d+):(\d+):([\d.]+)")
_DECODED = re.compile(r"\(video\):.*; (\d+) frames decoded")
_COMPLAINT = re.compile(r"\[(?:error|fatal)\] *(?:\[[^]]*\] *)*(.*)")


def executable() -> str:
    """The ffmpeg that IMAGEIO_FFMPEG_EXE names, or else the one that imageio-ffmpeg brings or finds.

    Raises ChildProcessError where there is none.
    """
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise ChildProcessError(f"there is no ffmpeg; {REMEDY}") from error


def file_url(path: Path) -> str:
    """How ffmpeg is told of a file whatever its name: it takes ``-a`` for an option and ``a:b`` for a protocol."""
    return f"file:{path}"


def video_frame(path: Path, name: str, at: Moment) -> bytes:
    """The frame of a video that is shown ``at`` a moment (the first one not before it), upright, as a PPM file.

    ``name`` is for messages. Raises :class:`InputError` for what is no video, ends earlier, or is HDR, whose colours
    would come out pale.
    """
    said, frame = _run(path, name, at)
    if _HDR.search(said):
        raise InputError(f"{name}: is an HDR video; export the frame as a photo, or the video in SDR (BT.709)")
    if frame is None:
        complaint = _COMPLAINT.search(said)
        reason = f" ({complaint[1]})" if complaint else ""
        raise InputError(f"{name}: cannot be decoded as a video{reason}; convert it to an mp4 with H.264 first")
    if not frame:
        raise InputError(f"{name}: {_shortage(said, at)}; choose an earlier one with --at")
    return frame


def _run(path: Path, name: str, at: Moment) -> tuple[str, bytes | None]:
    """What ffmpeg said, and the frame: empty if the video ends before it, None after an error."""
    seek = () if at.seconds is None else ("-ss", f"{at.seconds:f}")
    select = () if at.frame is None else ("-vf", f"select=eq(n\\,{at.frame - 1})")
    source = ("-protocol_whitelist", "file", *seek, "-i", file_url(path))  # a playlist must not reach out
    picture = ("-map", "0:V:0", *select, "-frames:v", "1", "-c:v", "ppm", "-pix_fmt", "rgb24", "-f", "image2pipe", "-")
    try:
        command = [executable(), "-hide_banner", "-nostdin", "-loglevel", "level+verbose", *source, *picture]
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, start_new_session=True, check=False
        )
    except OSError as error:
        raise InputError(f"{name}: needs ffmpeg, which cannot run ({error}); {REMEDY}") from error
    return done.stderr.decode(errors="replace"), None if done.returncode else done.stdout


def _shortage(said: str, at: Moment) -> str:
    """How much of a video there is, in the unit that was asked in: counting frames is exact only without a seek."""
    decoded = _DECODED.search(said)
    if at.frame is not None and decoded and (count := int(decoded[1])):
        return f"has only {count} frame{'s' * (count > 1)}"
    lasts = _LASTS.search(said)
    if lasts is None:
        return "has no frame there"
    hours, minutes, seconds = (float(part) for part in lasts.groups())
    return f"has no frame there, it lasts {3600 * hours + 60 * minutes + seconds:g} s"
