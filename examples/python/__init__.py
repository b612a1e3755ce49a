"""Python examples: the official MCP SDK with the AuthPlane adapters."""
