"""DialNexa: a self-hosted platform for AI voice agents. Start reading at ``ARCHITECTURE.md``."""

__version__ = "0.1.0"
