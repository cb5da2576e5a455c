"""WeCom, DingTalk and Feishu group robots: they answer 200 to everything, and say in the body what they made of it.

Strict as their documents and probes of the real ones (2025-2026): keys, shapes, bytes, and the messages a minute.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.fakes.serving import serve_app

KEY = "5f0e6d2c-robot"
WECOM_BYTES = {"text": 2048, "markdown": 4096}


@dataclass(slots=True, kw_only=True)
class Robots:
    """The three of them; `limited` makes the next messages too many."""

    port: int = 0
    taken: list[Any] = field(default_factory=list)
    answered: list[Any] = field(default_factory=list)
    limited: int = 0

    def url(self, robot: str, key: str = KEY) -> str:
        path = {
            "wecom": f"/cgi-bin/webhook/send?key={key}",
            "dingtalk": f"/robot/send?access_token={key}",
            "feishu": f"/open-apis/bot/v2/hook/{key}",
        }[robot]
        return f"http://127.0.0.1:{self.port}{path}"

    async def answer(
        self, request: web.Request, judge: Callable[[Any], dict[str, Any] | None], good: Any
    ) -> web.Response:
        try:
            body = json.loads(await request.read())
        except ValueError:
            body = None
        said = judge(body)
        if said is None:
            self.taken.append(body)
        self.answered.append(said or good)
        return web.json_response(said or good)

    async def wecom(self, request: web.Request) -> web.Response:
        def judge(body: Any) -> dict[str, Any] | None:
            if request.query.get("key") != KEY:
                return {"errcode": 93000, "errmsg": "invalid webhook url, hint: [1700000000_x], from ip: 127.0.0.1"}
            if self._is_too_fast():
                return {"errcode": 45009, "errmsg": "api freq out of limit, hint: [1700000000_x]"}
            kind = str(body.get("msgtype")) if isinstance(body, dict) else ""
            content = body.get(kind, {}).get("content") if kind in WECOM_BYTES else None
            if not isinstance(content, str):
                return {"errcode": 40008, "errmsg": "Warning: wrong json format. invalid message type"}
            if not content:
                return {"errcode": 44004, "errmsg": "empty content"}
            if len(content.encode()) > WECOM_BYTES[kind]:
                return {"errcode": 40058, "errmsg": f"{kind}.content exceed max length {WECOM_BYTES[kind]}"}
            return None

        return await self.answer(request, judge, {"errcode": 0, "errmsg": "ok"})

    async def dingtalk(self, request: web.Request) -> web.Response:
        def judge(body: Any) -> dict[str, Any] | None:
            if request.query.get("access_token") != KEY:
                return {"errcode": 300005, "errmsg": "token is not exist"}
            if self._is_too_fast():
                return {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}
            kind = str(body.get("msgtype")) if isinstance(body, dict) else ""
            if kind not in {"text", "markdown"}:
                return {"errcode": 400105, "errmsg": "unsupported msgtype"}
            if "alarm" not in json.dumps(body[kind]).lower():
                return {"errcode": 310000, "errmsg": "keywords not in content, more: [https://ding-doc.dingtalk.com]"}
            return None

        return await self.answer(request, judge, {"errcode": 0, "errmsg": "ok"})

    async def feishu(self, request: web.Request) -> web.Response:
        def judge(body: Any) -> dict[str, Any] | None:
            if request.match_info["key"] != KEY:
                return {"code": 19001, "msg": "param invalid: incoming webhook access token invalid", "data": {}}
            if self._is_too_fast():
                return {"code": 11232, "msg": "frequency limited psm", "data": {}}
            kind = body.get("msg_type") if isinstance(body, dict) else None
            if kind != "text" or not isinstance(body.get("content", {}).get("text"), str):
                return {"code": 9499, "msg": "Bad Request", "data": {}}
            return None

        good = {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}
        return await self.answer(request, judge, good)

    def _is_too_fast(self) -> bool:
        self.limited -= 1
        return self.limited >= 0


@asynccontextmanager
async def serve_robots() -> AsyncIterator[Robots]:
    """Serve the three robots; those who know KEY may post."""
    robots = Robots()
    app = web.Application()
    app.router.add_post("/cgi-bin/webhook/send", robots.wecom)
    app.router.add_post("/robot/send", robots.dingtalk)
    app.router.add_post("/open-apis/bot/v2/hook/{key}", robots.feishu)
    async with serve_app(app) as robots.port:
        yield robots
