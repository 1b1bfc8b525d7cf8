"""The SIP ladder of a call: kept small, read as steps, drawn for people, exported for Wireshark."""
