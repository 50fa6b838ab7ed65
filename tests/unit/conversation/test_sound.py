"""Plain samples of sound become a file that players open."""

from __future__ import annotations

import io
import wave

import pytest

from gemtap.conversation.sound import is_raw_sound, wav_of


@pytest.mark.parametrize(
    ("mime_type", "rate", "channels"),
    [
        ("audio/L16;codec=pcm;rate=24000", 24_000, 1),
        ("audio/pcm", 24_000, 1),
        ("Audio/PCM; Rate=16000; channels=2", 16_000, 2),
        ("audio/pcm;rate=-1", 24_000, 1),
        ("audio/pcm;rate=99999999999999999999;channels=0", 24_000, 1),
        ("audio/pcm;rate", 24_000, 1),
    ],
)
def test_samples_become_a_wav_file(mime_type: str, rate: int, channels: int) -> None:
    """With the rate and the channels that the type names, and without half a sample at the end."""
    assert is_raw_sound(mime_type)
    with wave.open(io.BytesIO(wav_of(mime_type, b"\1\0\2\0\3\0\4\0\5"))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (rate, channels, 2)
        assert file.readframes(100) == b"\1\0\2\0\3\0\4\0"


@pytest.mark.parametrize("mime_type", ["audio/wav", "audio/mpeg", "image/png", ""])
def test_other_types_are_files_already(mime_type: str) -> None:
    """They are left as they are."""
    assert not is_raw_sound(mime_type)
