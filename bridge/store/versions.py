"""Which migrations there are, by the names of their files: who looks does not wait for the library that runs them."""

import re
from pathlib import Path

from sqlalchemy import Connection

MIGRATIONS = Path(__file__).parent / "migrations"


def versions_of(migrations: Path) -> list[str]:
    """Give the numbers of the migrations in a folder, in order."""
    found = (re.match(r"\d{4}", path.name) for path in (migrations / "versions").glob("*.py"))
    return sorted(one[0] for one in found if one)


def newest_version() -> str:
    """Give the number of the newest migration."""
    return versions_of(MIGRATIONS)[-1]


def versions_in(connection: Connection) -> set[str]:
    """Give the numbers of the newest migrations that were run on a database: one, where it is ours and not new."""
    if not connection.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'").scalar():
        return set()
    return {version for (version,) in connection.exec_driver_sql("SELECT version_num FROM alembic_version")}
