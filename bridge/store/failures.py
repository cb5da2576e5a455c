"""What a database's error means: that nothing can be stored now, or that this cannot."""

from sqlalchemy.exc import DatabaseError, DBAPIError, InternalError, OperationalError

from bridge.store.work import StoreUnavailable


def raise_if_unavailable(error: Exception) -> None:
    """Raise StoreUnavailable where it is the database that can take nothing: full, locked, damaged."""
    if isinstance(error, StoreUnavailable):
        raise error
    if isinstance(error, OperationalError | InternalError) or type(error) is DatabaseError:
        raise StoreUnavailable(f"the store cannot be written: {cause_of(error)}") from error


def cause_of(error: DBAPIError) -> str:
    """Give the database's own words, without the statement and its values."""
    return str(error.orig).splitlines()[0] if error.orig is not None and str(error.orig) else type(error).__name__
