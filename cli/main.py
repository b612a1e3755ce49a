"""The `authserver` command. Each subcommand's module is imported when it is used: `authserver version` need not load gRPC."""

import importlib
import os
import sys
from collections.abc import Sequence

import typer

# Command → (module, the function or Typer application in it, the line shown in the overview).
COMMANDS = {
    "dev": ("cli.dev", "dev", "Run the whole plane on this machine."),
    "demo": ("cli.demo", "demo", "Watch an MCP client get and use a token, step by step."),
    "serve": ("cli.serve", "serve", "Run one service."),
    "migrate": ("cli.migrate", "migrate", "Bring the database schemas up to date and exit."),
    "admin": ("cli.admin", "admin_app", "Manage clients, resources, users, tokens, keys and audit through the operator API."),
    "config": ("cli.config", "config_app", "Check or print the configuration."),
    "version": ("cli.version", "version", "Print the version."),
}


def application(arguments: Sequence[str]) -> typer.Typer:
    """The command tree, with real code behind the command that `arguments` name and an overview line for every other."""
    app = typer.Typer(
        name="authserver",
        help="AuthPlane: an OAuth 2.1 authorization server for the Model Context Protocol.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    completing = "_AUTHSERVER_COMPLETE" in os.environ
    for name, (module, attribute, line) in COMMANDS.items():
        if name != chosen and not completing:
            app.command(name=name, help=line)(_overview)
            continue
        found = getattr(importlib.import_module(module), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name, help=line)
        else:
            app.command(name=name)(found)
    return app


def _overview() -> None:
    """Stands for a command that was not asked for."""


def run() -> None:
    """The console script's entry point; a known failure is one line on stderr and its exit code."""
    from cli.failure import Failure

    app = application(sys.argv[1:])
    try:
        app(prog_name="authserver")
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        sys.exit(failure.exit_code)


if __name__ == "__main__":
    run()
