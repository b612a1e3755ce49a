"""The tree of `authserver admin`: one group per kind of thing."""

from cli.admin import api_key, audit, client, dcr, grant, issuance, key, resource, system, user
from cli.admin.grouping import group

app = group("Operate a plane: clients, resources, people, tokens, keys and the audit log.")

for name, commands in {
    "api-key": api_key.app,
    "audit": audit.app,
    "client": client.app,
    "dcr": dcr.app,
    "grant": grant.app,
    "issuance": issuance.app,
    "key": key.app,
    "resource": resource.app,
    "system": system.app,
    "user": user.app,
}.items():
    app.add_typer(commands, name=name)
