"""Signing in and out, where there is a password."""

from __future__ import annotations

import math

from aiohttp import web

from crossdock.web.guards import GUARD, LET_IN, SIGN_IN
from crossdock.web.shell import counted, page, redirect
from crossdock.web.site import SESSION

LONGEST_PATH = 2000  # characters


def add_sign_in(app: web.Application) -> None:
    """Has the app let people in who know the password."""
    app.router.add_get(SIGN_IN, show_form)
    app.router.add_post(SIGN_IN, sign_in)
    app.router.add_post("/sign-out", sign_out)


async def show_form(request: web.Request) -> web.Response:
    """Asks for the password; whoever needs none, or is signed in, goes on."""
    to = _local(request.query.get("to", ""))
    if request[LET_IN]:
        return redirect(request, to)
    return await _form(request, to=to)


async def sign_in(request: web.Request) -> web.Response:
    """Begins a session for one who knows the password; one who guesses waits longer and longer."""
    guard, form = request.app[GUARD], await request.post()
    typed, to, address = str(form.get("password", "")), _local(str(form.get("to", ""))), request.remote or ""
    if guard.password_file is None:
        return redirect(request, to)
    async with guard.guessing:
        if wait := math.ceil(guard.throttle.wait_s(address)):
            words = f"There were too many wrong passwords: try again in {counted(wait, 'second')}."
            refused = await _form(request, to=to, wrong=words, status=429)
            refused.headers["Retry-After"] = str(wait)
            return refused
        if not await guard.knows_password(typed):
            guard.throttle.wrong(address)
            return await _form(request, to=to, wrong="That is not the password.", status=403)
    guard.throttle.right(address)
    guard.sessions.end(request[SESSION].id)  # whoever knew the former id doesn't come in with it
    request[SESSION] = guard.sessions.begin(signed_in=True)
    return redirect(request, to)


async def sign_out(request: web.Request) -> web.Response:
    """Ends the session."""
    guard = request.app[GUARD]
    guard.sessions.end(request[SESSION].id)
    request[SESSION] = guard.sessions.begin()
    return redirect(request, SIGN_IN)


async def _form(request: web.Request, *, to: str, wrong: str = "", status: int = 200) -> web.Response:
    return await page(request, "sign_in.html", status=status, to=to, wrong=wrong)


def _local(path: str) -> str:
    """A path of ours to go on to, and no other site's."""
    is_ours = path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable() and len(path) < LONGEST_PATH
    return path if is_ours else "/"
