"""Everything that can go wrong, and the exit code the command line gives it.

    BlurliveError                1   (a bug, if ever raised itself)
    ├── UsageError               2   options that contradict each other
    ├── InputError               3   a photo cannot be read
    ├── WeightsError             4   weights cannot be found, trusted or loaded
    ├── OutputError              5   a result cannot be written
    ├── DeviceError              6   no such device, or out of memory on it
    ├── ConfigError              7   a training configuration is wrong
    └── DataError                8   a data set cannot be used, or training on it failed

Ctrl-C is 130. A message names the file, says what is wrong and what to do about it, in one line; `reason` makes one of
what others say.
"""

from __future__ import annotations


class BlurliveError(Exception):
    """Root of all errors that this library raises on purpose."""

    exit_code = 1


class UsageError(BlurliveError):
    """Options that contradict each other or make no sense together."""

    exit_code = 2


class InputError(BlurliveError):
    """A photo that is missing, broken, empty, too large, or no photo at all."""

    exit_code = 3


class WeightsError(BlurliveError):
    """Weights that are missing, damaged, unsafe, or made for another network."""

    exit_code = 4


class OutputError(BlurliveError):
    """A result that cannot be written: existing file, missing folder, full disk, unknown format."""

    exit_code = 5


class DeviceError(BlurliveError):
    """A device that is not there, cannot compute in the wanted dtype, or ran out of memory."""

    exit_code = 6


class ConfigError(BlurliveError):
    """A training configuration with unknown keys or impossible values."""

    exit_code = 7


class DataError(BlurliveError):
    """A data set that cannot be used, or a training run that its numbers ended (NaN loss)."""

    exit_code = 8


def reason(error: BaseException) -> str:
    """Somebody else's error in one short line: libraries write many, the system names its file again."""
    said = (error.strerror if isinstance(error, OSError) else None) or " ".join(str(error).split())[:160]
    return said or type(error).__name__
