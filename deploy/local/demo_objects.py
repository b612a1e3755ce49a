"""The demonstration's own things: one MCP server, one person. Present in every development plane, absent from production."""

from deploy.local.places import Ports

SLUG = "demo"
DISPLAY_NAME = "Demo notes"
EMAIL = "demo@example.com"
PERSON = "Demo Person"
SCOPES = {"notes:read": "Read the notes", "notes:write": "Add notes"}
MACHINE = "Demo machine"


def resource_uri(ports: Ports) -> str:
    """What tokens for the demo MCP server name in `aud`, and the URL it answers at."""
    return f"http://localhost:{ports.demo}/mcp"
