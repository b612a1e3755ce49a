"""What every group of commands shares: help when called bare, and lists written with commas."""

import typer


def group(description: str) -> typer.Typer:
    """A group that prints its help, with exit code 0, when no command follows."""
    app = typer.Typer(help=description, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)

    @app.callback(invoke_without_command=True)
    def bare(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())

    return app


def separated(text: str | None) -> list[str]:
    """`a,b, c` as a list; None and empty are the empty list."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]
