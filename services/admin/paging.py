"""How lists are cut: `limit` and `offset`, as the operator's API has always had them."""

from dataclasses import dataclass

DEFAULT = 50
MOST = 1000


@dataclass(frozen=True, slots=True)
class Paging:
    """A cut of a list. Read `size` and `start`: a limit of 0 or less means the default, and nothing is ever unbounded."""

    limit: int = 0
    offset: int = 0

    @property
    def size(self) -> int:
        """How many at most, 1 to 1000."""
        return min(self.limit, MOST) if self.limit > 0 else DEFAULT

    @property
    def start(self) -> int:
        """How many to leave out at the front."""
        return max(self.offset, 0)
