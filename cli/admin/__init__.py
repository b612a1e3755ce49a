"""`authserver admin`: operating a plane over its gRPC API. `app` is the group."""

from cli.admin.group import app

# The name the command tree asks for: one that says which group it is.
admin_app = app

__all__ = ["admin_app", "app"]
