"""Sound without a container, as speech comes from Gemini, made into a file that players open."""

from __future__ import annotations

import io
import wave
from typing import Final

_RAW: Final = frozenset({"audio/l16", "audio/pcm", "audio/x-pcm", "audio/x-raw"})
"""Types of plain samples. RFC 2586 has `audio/L16` big-endian; Gemini sends it little-endian, which is WAV's order."""

_RATE: Final = 24_000
_SAMPLE_BYTES: Final = 2
_MOST_CHANNELS: Final = 32
_RATES: Final = range(1, 400_000)

WAV: Final = "audio/wav"


def is_raw_sound(mime_type: str) -> bool:
    """Whether the type says that the bytes are samples and nothing else."""
    return mime_type.partition(";")[0].strip().lower() in _RAW


def wav_of(mime_type: str, samples: bytes) -> bytes:
    """A WAV file of 16-bit samples; `mime_type` may say `rate` (in Hz, else 24,000) and `channels` (else 1)."""
    channels = _number(mime_type, "channels", range(1, _MOST_CHANNELS), 1)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(_SAMPLE_BYTES)
        writer.setframerate(_number(mime_type, "rate", _RATES, _RATE))
        writer.writeframes(samples[: len(samples) - len(samples) % (channels * _SAMPLE_BYTES)])
    return file.getvalue()


def _number(mime_type: str, name: str, allowed: range, default: int) -> int:
    for parameter in mime_type.split(";")[1:]:
        key, _, value = parameter.partition("=")
        text = value.strip().strip('"')
        if key.strip().lower() == name and text.isascii() and text.isdigit() and len(text) < 9 and int(text) in allowed:
            return int(text)
    return default
