"""The environment that templates run in: all they do is counted, and nothing they print escapes the draft."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from jinja2 import nodes
from jinja2.environment import Template, TemplateModule
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.loaders import BaseLoader
from jinja2.runtime import BlockReference, ChainableUndefined, Context, LoopContext, Macro, StrictUndefined, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace, pass_context
from markupsafe import Markup

from bridge.rendering.digest import DigestView, PolicyView
from bridge.rendering.draft import DRAFT, MAX_DEPTH, RunawayError, template_text
from bridge.rendering.filters import bound, filters, tests
from bridge.rendering.rewriting import Rewriter
from bridge.rendering.telling import ChannelView, RouteView
from bridge.rendering.view import AlarmView

MAX_RANGE = 10_000  # items
MAX_BITS = 4096  # of a whole number
STEPS_OF_A_LOAD = 200  # an include or import; so a template that includes itself ends

TEXT_METHODS = frozenset({
    "capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha", "isascii", "isdecimal",
    "isdigit", "islower", "isnumeric", "isspace", "istitle", "isupper", "join", "lower", "lstrip", "partition",
    "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rpartition", "rsplit", "rstrip", "split",
    "splitlines", "startswith", "strip", "swapcase", "title", "upper",
})  # fmt: skip
READABLE: tuple[tuple[type, frozenset[str]], ...] = (
    (dict, frozenset({"get", "items", "keys", "values"})),
    (list, frozenset({"count", "index"})),
    (tuple, frozenset({"count", "grouper", "index", "list"})),
    (datetime, frozenset({
        "day", "hour", "isoformat", "isoweekday", "minute", "month", "second", "timestamp", "weekday", "year",
    })),
    (timedelta, frozenset({"days", "seconds", "total_seconds"})),
    (LoopContext, frozenset({
        "changed", "cycle", "depth", "depth0", "first", "index", "index0", "last", "length", "nextitem", "previtem",
        "revindex", "revindex0",
    })),
    (Macro, frozenset({"arguments", "caller", "catch_kwargs", "catch_varargs", "name"})),
    (BlockReference, frozenset({"super"})),
)  # fmt: skip
# Their public attributes may be read, and no method called.
VIEWS = (AlarmView, ChannelView, RouteView, DigestView, PolicyView)
OPEN = (TemplateModule, Namespace)  # what templates themselves have made
LENIENT = (dict, list, tuple, type(None), Undefined)  # what a sample may lack a key of


class Absent(ChainableUndefined):
    """What is not there: it prints nothing, and so do its attributes."""


class Unknown(StrictUndefined):
    """What no alarm has: an error in strict mode."""


class Fresh(Template):
    """A template whose module is made anew in each rendering: tokens in it mean nothing to the next."""

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:  # noqa: ARG002 - jinja's
        modules = DRAFT.get().modules
        if self.name not in modules:
            modules[self.name] = self.make_module()
        module: TemplateModule = modules[self.name]
        return module


class Sandbox(ImmutableSandboxedEnvironment):
    """A sandbox with budgets. It escapes nothing: tokens stand for values until it is known where they land."""

    template_class = Fresh
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, loader: BaseLoader, *, strict: bool) -> None:
        super().__init__(
            loader=loader,
            autoescape=True,
            optimized=False,
            auto_reload=False,
            finalize=_printed,
            undefined=Unknown if strict else Absent,
            trim_blocks=True,
            lstrip_blocks=True,
            cache_size=-1,
        )
        self.filters = filters()
        self.tests = tests()  # type: ignore[assignment]  # jinja says less than it takes
        self._readable = frozenset(AlarmView.names())
        self.globals = {"range": bounded_range, "dict": dict, "namespace": Namespace}

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """Join what a macro or block printed."""
        return DRAFT.get().concat(parts)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        try:
            tree = Rewriter().visit(super()._parse(source, name, filename))
        except TemplateSyntaxError as error:
            error.name, error.filename = error.name or name, error.filename or filename
            raise
        tree.set_environment(self)
        template: nodes.Template = tree
        return template

    def _load_template(self, name: str, globals: Any) -> Template:  # noqa: A002 - jinja's
        draft = DRAFT.get(None)
        if draft is not None:
            draft.spend(STEPS_OF_A_LOAD)
        return super()._load_template(name, globals)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Read an attribute or key, of what may be read."""
        if type(obj) is AlarmView and attribute in self._readable:  # what templates read most
            return getattr(obj, attribute)
        if isinstance(obj, str):
            return self._text_method(obj, attribute)
        if isinstance(obj, Absent):
            return obj
        result = super().getattr(obj, attribute)
        return Absent(obj=obj, name=attribute) if type(result) is Unknown and isinstance(obj, LENIENT) else result

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Read a key or attribute, of what may be read."""
        draft = DRAFT.get()
        obj, argument = draft.plain(obj) if isinstance(obj, str) else obj, draft.plain(argument)
        if isinstance(obj, str) and isinstance(argument, str):
            return self._text_method(obj, argument)
        if isinstance(obj, Absent):
            return obj
        result = super().getitem(obj, argument)
        return Absent(obj=obj, name=str(argument)) if type(result) is Unknown and isinstance(obj, LENIENT) else result

    def _text_method(self, text: str, name: str) -> Any:
        if name in TEXT_METHODS:
            return _text_method(DRAFT.get().plain(text), name)
        if name.startswith("_") or hasattr(text, name):
            raise SecurityError(f"a text's {name} cannot be used in a template")
        return self.undefined(obj=text, name=name)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Say whether a template may read an attribute: only what is listed."""
        if attr.startswith("_"):
            return False
        if isinstance(obj, VIEWS):
            return not callable(value)
        if isinstance(obj, OPEN):
            return True
        return any(attr in names for kind, names in READABLE if isinstance(obj, kind))

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        """Refuse to read an attribute that is not listed."""
        raise SecurityError(f"{attribute} of {type(obj).__name__} cannot be read in a template")

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call what a template calls, counted and no deeper than MAX_DEPTH."""
        draft = DRAFT.get()
        draft.spend(1)
        if "caller" in kwargs and not isinstance(obj, Macro):
            raise SecurityError("only a macro can be called by a call block")
        if isinstance(obj, LoopContext):
            args = (self.filters[" items"](args[0]), *args[1:]) if args else args
        draft.depth += 1
        if draft.depth > MAX_DEPTH:
            raise RunawayError(f"calls itself more than {MAX_DEPTH} deep")
        try:
            return context.call(obj, *args, **kwargs)
        finally:
            draft.depth -= 1

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002 - jinja's
        """Calculate, with results of bounded size."""
        draft = DRAFT.get()
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return draft.joined([left, right])
        left, right = draft.plain(left), draft.plain(right)
        if operator == "%" and isinstance(left, str):
            raise SecurityError("% formats no text in a template")
        if operator == "*":
            _check_product(left, right)
        if operator == "**":
            _check_power(left, right)
        result = self.binop_table[operator](left, right)
        return draft.plain(result) if isinstance(result, str | list | tuple) else result


@pass_context
def _printed(context: Context, value: Any) -> Markup:  # noqa: ARG001 - keeps jinja from printing when it compiles
    if isinstance(value, TemplateModule):
        value = template_text(str(value))
    return DRAFT.get().printed(value)


def bounded_range(*numbers: int) -> range:
    """Give a range of at most MAX_RANGE items."""
    result = range(*numbers)
    if len(result) > MAX_RANGE:
        raise RunawayError(f"makes a range of more than {MAX_RANGE:,} items")
    return result


def _text_method(text: str, name: str) -> Callable[..., Any]:
    def method(*args: Any, **kwargs: Any) -> Any:
        draft = DRAFT.get()
        draft.spend_text(len(text))
        if name == "join":
            return filters()["join"](args[0], text)
        if name == "replace":
            return filters()["replace"](text, *args)
        plain = [draft.plain(arg) for arg in args]
        bound(*plain)
        result = getattr(text, name)(*plain, **kwargs)
        return draft.plain(result) if isinstance(result, list) else result

    return method


def _check_product(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        if left.bit_length() + right.bit_length() > MAX_BITS:
            raise RunawayError(f"makes a number of more than {MAX_BITS:,} bits")
        return
    for sized, times in ((left, right), (right, left)):
        if isinstance(sized, str | list | tuple) and isinstance(times, int):
            bound(len(sized) * max(times, 0))


def _check_power(base: Any, exponent: Any) -> None:
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * abs(exponent) > MAX_BITS:
        raise RunawayError(f"makes a number of more than {MAX_BITS:,} bits")
