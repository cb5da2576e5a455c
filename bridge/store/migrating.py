"""Migrating the database, with a library that `opening` imports where there is something to migrate."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine


def migrate(writing: Engine, migrations: Path) -> None:
    """Bring the tables up to date with a folder of migrations."""
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    with writing.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
