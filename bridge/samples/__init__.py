"""The built-in sample callbacks: bodies of the vendor's documents and of live traffic, by name."""

from importlib.resources import files


def names() -> list[str]:
    """Give the samples' names, sorted."""
    return sorted(
        entry.name.removesuffix(".json") for entry in files(__name__).iterdir() if entry.name.endswith(".json")
    )


def body(name: str) -> bytes:
    """Give one sample's bytes, as they were sent; raise KeyError where there is none of that name."""
    if name not in names():
        raise KeyError(name)
    return files(__name__).joinpath(f"{name}.json").read_bytes()
