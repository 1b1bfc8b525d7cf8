"""Callers over Twilio's Media Streams protocol: any engine that speaks it can be driven and measured the same way."""
