"""What an endpoint must say to have taken a message: some answer 200 whatever became of it, as WeCom and Feishu do."""

from typing import Annotated, Any, Self

import orjson
from pydantic import BeforeValidator, Field, model_validator

from bridge.settings import Record
from bridge.sources.values import text

EITHER = "must be {json: KEY, equals: VALUE} or {text: TEXT}"


def _path(value: object) -> object:
    if not isinstance(value, str) or not value.strip("."):
        raise ValueError('must be the key of a JSON object, such as errcode; "a.b" is b within a')
    return value


def _scalar(value: object) -> object:
    if isinstance(value, list | tuple | dict):
        raise ValueError("must be a text, a number, true or false")  # noqa: TRY004 - pydantic shows ValueErrors only
    return value


class Success(Record):
    """What a 2xx must say: a key of its JSON with a value, or a text alone."""

    json_: Annotated[str | None, BeforeValidator(_path)] = Field(default=None, alias="json")
    equals: Annotated[Any, BeforeValidator(_scalar)] = None
    text: str | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        given = self.model_fields_set
        if given not in ({"json_", "equals"}, {"text"}):
            raise ValueError(EITHER)
        return self

    def is_said_by(self, answer: str) -> bool:
        """Say whether an answer is what is wanted."""
        if self.json_ is None:
            return answer.strip() == (self.text or "").strip()
        try:
            return any(_equal(found, self.equals) for found in _found(orjson.loads(answer), self.json_))
        except orjson.JSONDecodeError:
            return False

    def __str__(self) -> str:
        return f'"{self.text}"' if self.json_ is None else f"{self.json_} = {text(self.equals)}"


def _found(value: Any, path: str) -> list[Any]:
    """Give what stands under a key, or under the keys between the dots; an empty list where nothing does."""
    if isinstance(value, dict) and path in value:
        return [value[path]]
    for name in path.split("."):
        if isinstance(value, list) and name.isdecimal() and int(name[:9]) < len(value):
            value = value[int(name)]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return []
    return [value]


def _equal(found: Any, wanted: Any) -> bool:
    """Compare as JSON does (0 is 0.0, and not false), else as texts: "0" is 0, too."""
    if isinstance(found, list | dict) or found is None:
        return False
    if isinstance(found, bool) == isinstance(wanted, bool) and found == wanted:
        return True
    return text(found) == text(wanted)
