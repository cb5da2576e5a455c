"""Which tests are a module's own: a mutant of it is shown to these and to no others."""

from dataclasses import dataclass

LIFECYCLE = ("lifecycle", "lifecycle_episodes", "lifecycle_lives", "lifecycle_table")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Modules that are mutated together, and their own tests; both without folder and ending."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Give the files of the modules."""
        return tuple(f"bridge/{module}.py" for module in self.modules)

    @property
    def test_files(self) -> tuple[str, ...]:
        """Give the files of the tests."""
        return tuple(f"tests/test_{test}.py" for test in self.tests)


PARTS = (
    # What decides: pure, and soon done.
    Part(modules=("lifecycle/table", "lifecycle/episodes"), tests=LIFECYCLE),
    Part(modules=("routing",), tests=("routing",)),
    Part(modules=("retry",), tests=("retry",)),
    Part(modules=("pace",), tests=("pace",)),
    Part(modules=("channels/answers",), tests=("verdicts", "verdicts_failures")),
    Part(modules=("channels/slack_answers",), tests=("slack_answers",)),
    Part(modules=("channels/mending",), tests=("mending",)),
    Part(modules=("channels/success",), tests=("channel_success",)),
    Part(modules=("merging",), tests=("merging",)),
    Part(modules=("digesting",), tests=("digesting",)),
    Part(modules=("planning",), tests=("planning",)),
    Part(modules=("pulse",), tests=("pulse",)),
    Part(modules=("lanes", "queue"), tests=("lanes", "queue")),
    Part(
        modules=("aiming", "attempt", "pardon", "probing", "settling"),
        tests=("aiming", "attempt", "pardon", "probing", "settling"),
    ),
    # The delivery half.
    Part(modules=("condition",), tests=("condition",)),
    Part(modules=("storm",), tests=("storm_looks",)),
    Part(modules=("posting",), tests=("posting",)),
    Part(modules=("delivery",), tests=("worker",)),
    Part(modules=("store/handing",), tests=("handing", "store_handing")),
    Part(modules=("store/lower",), tests=("store_lower",)),
    Part(modules=("store/rest",), tests=("store_rest",)),
    Part(modules=("store/digests",), tests=("store_digests",)),
    Part(modules=("store/unheard",), tests=("store_unheard",)),
)
