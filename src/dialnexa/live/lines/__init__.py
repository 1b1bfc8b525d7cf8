"""Lines: what connects a person to the conversation, a SIP call today."""
