"""A database with admin's tables."""

from tests.support.servers import migrated

database = migrated("admin")
