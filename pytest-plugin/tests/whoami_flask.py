"""The service of whoami.py with Flask, in the style of JupyterHub's own example."""

import os
import secrets
from functools import wraps
from urllib.parse import urlsplit

from flask import Flask, abort, redirect, request, session
from jupyterhub.services.auth import HubOAuth

PREFIX = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
auth = HubOAuth(cache_max_age=int(os.environ.get("WHOAMI_CACHE_MAX_AGE", "300")))
app = Flask(__name__)
app.secret_key = secrets.token_bytes(32)
app.config["SESSION_COOKIE_PATH"] = PREFIX  # Flask's default is every path of the host


def authenticated(view):
    @wraps(view)
    def guarded():
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        token = given if kind.lower() in {"bearer", "token"} else session.get("token")
        user = token and auth.user_for_token(token, session_id=auth_session())
        if not user:
            return begin_login()
        if not auth.check_scopes(auth.access_scopes, user):  # user_for_token() says who it is, not whether he may
            abort(403)
        return view(user)

    return guarded


def auth_session():
    return request.cookies.get("jupyterhub-session-id", "")


def begin_login():
    session["state"] = auth.generate_state(next_url=request.full_path.rstrip("?"))
    return redirect(f"{auth.login_url}&state={session['state']}")


@app.get(PREFIX)
@authenticated
def whoami(user):
    return user


@app.get(f"{PREFIX}oauth_callback")
def oauth_callback():
    state = session.pop("state", None)
    if state is None or state != request.args.get("state"):
        abort(403)
    session["token"] = auth.token_for_code(request.args["code"])
    return redirect(auth.get_next_url(state))


if __name__ == "__main__":
    url = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    app.run(url.hostname, url.port)
