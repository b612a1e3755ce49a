"""How many tokens one client may have issued to it (T12), where an operator set a bound."""

from kit.errors import SlowDown
from services.token.model import Client


class QuotaSpent(SlowDown):
    """The client had as many tokens as it may in this `window`, minute or day."""

    def __init__(self, window: str, *, retry_after: int) -> None:
        super().__init__(f"this client has had its tokens for this {window}", retry_after=retry_after)
        self.window = window


def is_bounded(client: Client) -> bool:
    """Whether anything has to be counted for this client."""
    return client.tokens_per_minute > 0 or client.tokens_per_day > 0
