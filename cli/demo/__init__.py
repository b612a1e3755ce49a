"""`authserver demo`: an MCP client's whole life against the plane running here, told step by step."""
