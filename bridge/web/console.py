"""The console listener: what is shown to people of the house, on 127.0.0.1 unless told otherwise."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from bridge.web.credentials import Credentials

Health = Callable[[], Awaitable[Mapping[str, Any]]]
Exposition = Callable[[], Awaitable[bytes]]


def console(credentials: Credentials, *, health: Health, metrics: Exposition) -> web.Application:
    """Give the console listener's routes."""

    @web.middleware
    async def let_in(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if credentials.allow(request.query.getall("token", ()), request.headers.get("Authorization", "")):
            return await handler(request)
        return web.Response(
            status=401, text="wrong or missing credentials", headers={"WWW-Authenticate": 'Basic realm="alarm-bridge"'}
        )

    async def show_metrics(_request: web.Request) -> web.Response:
        return web.Response(body=await metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def show_health(_request: web.Request) -> web.Response:
        report = await health()
        text = json.dumps(report, ensure_ascii=False, indent=2)
        return web.Response(status=200 if report["status"] == "ok" else 503, text=text, content_type="application/json")

    app = web.Application(middlewares=[let_in])
    app.router.add_get("/metrics", show_metrics)
    app.router.add_get("/health", show_health)
    return app
