"""The 20 ms clock and everything that works on audio: codecs, jitter buffer, VAD, tones, recorder."""
