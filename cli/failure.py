"""How a command says it failed: one message on stderr, an exit code, no traceback."""


class Failure(Exception):
    """Ends the command. `exit_code` is 1, or 2 where the command was used wrongly."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
