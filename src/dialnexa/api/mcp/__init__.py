"""The MCP server at ``/v1/mcp``: the API as tools for other people's agents."""
