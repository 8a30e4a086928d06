"""Signing in and out, where there is a password."""

from __future__ import annotations

import asyncio
from functools import partial

from aiohttp import web

from crossdock.web.guards import GUARD
from crossdock.web.shell import page, redirect

LONGEST_PATH = 2000  # characters


def add_sign_in(app: web.Application) -> None:
    """Has the app let people in who know the password."""
    app.router.add_get("/sign-in", show_form)
    app.router.add_post("/sign-in", sign_in)
    app.router.add_post("/sign-out", sign_out)


async def show_form(request: web.Request) -> web.Response:
    """Asks for the password; where there is none, there is nothing to sign in to."""
    if request.app[GUARD].password_file is None or request["session"].signed_in:
        return redirect(request, "/")
    return await page(request, "sign_in.html", to=_local(request.query.get("to", "")), wrong="")


async def sign_in(request: web.Request) -> web.Response:
    """Begins a session for one who knows the password; one who guesses waits longer and longer."""
    guard, form = request.app[GUARD], await request.post()
    typed, to, who = str(form.get("password", "")), _local(str(form.get("to", ""))), request.remote or ""
    async with guard.guessing:
        if wait := guard.throttle.wait_s(who):
            words = f"Too many wrong passwords: try again in {wait:.0f} seconds."
            return await page(request, "sign_in.html", status=429, to=to, wrong=words)
        keys = await guard.keys()
        if not await asyncio.to_thread(partial(keys.is_password, typed)):
            guard.throttle.wrong(who)
            return await page(request, "sign_in.html", status=403, to=to, wrong="That is not the password.")
    guard.throttle.right(who)
    guard.sessions.end(request["session"].id)  # whoever knew the former id doesn't come in with it
    request["session"] = guard.sessions.begin(signed_in=True)
    return redirect(request, to)


async def sign_out(request: web.Request) -> web.Response:
    """Ends the session."""
    guard = request.app[GUARD]
    guard.sessions.end(request["session"].id)
    request["session"] = guard.sessions.begin()
    return redirect(request, "/sign-in")


def _local(path: str) -> str:
    """A path of ours to go on to, and no other site's."""
    is_ours = path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable() and len(path) < LONGEST_PATH
    return path if is_ours else "/"
