"""JupyterHub's application without a server: for tests of one component alone."""

from __future__ import annotations

import asyncio
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from .app import HubApp
from .checks import allow_by_default, check_config, check_traits, component_class, components_explained
from .compat import spawner_of
from .handlers import check_handler, cookie_header, make_request, signed_value
from .log import HubLog
from .people import People

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from traitlets.config import Config

    from .app import Singletons
    from .config import Place

T = TypeVar("T")


class StillHub:
    """Configured, with database, users, roles and a proxy object, but nothing listens and nothing is started.

    Its objects belong to the test's thread: await their methods in the test, or with ``hub_run`` in a sync one.
    """

    def __init__(self, place: Place, config: Config, singletons: Singletons) -> None:
        self.place = place
        self.config = config
        self.log = HubLog(place.name)
        self._singletons = singletons
        self._spawners: list[Any] = []

    def __enter__(self) -> Self:
        allow_by_default(self.config)
        with components_explained(self.config):
            self.app = HubApp(config=self.config, logger=self.log.logger, serves=False)
        check_config(self.config, self.place.unchecked)
        self._singletons.enter(self.app, self.config)
        # The test may run in a loop already, where no other one can be run.
        with ThreadPoolExecutor(1) as executor:
            executor.submit(self._initialize).result()
        self.app._owner = threading.get_ident()
        self.people = People(self.app)
        return self

    def _initialize(self) -> None:
        self.app._owner = threading.get_ident()
        asyncio.run(self.app.initialize())

    def __exit__(self, *_: object) -> None:
        for spawner in self._spawners:
            spawner.stop_polling()
        self._singletons.leave(self.app)
        self.app.close_db()
        self.log.close()
        self.place.release()
        shutil.rmtree(self.place.folder, ignore_errors=True)

    def make_spawner(
        self, spawner_class: type[T] | str, *, username: str = "ada", server: str = "", **traits: Any
    ) -> T:
        """A spawner of this class, as JupyterHub makes it for a user's server, with a token and an address."""
        from jupyterhub import orm
        from jupyterhub.objects import Server

        spawner_class = component_class("spawner_class", spawner_class, "make_spawner()")
        check_traits(spawner_class, traits)
        user = self.people.add(username)
        user.settings["spawner_class"] = spawner_class
        user.spawners.pop(server, None)
        spawner = spawner_of(user, server)
        for name, value in traits.items():
            setattr(spawner, name, value)
        base_url = f"{user.base_url}{server + '/' if server else ''}"
        orm_server = orm.Server(base_url=base_url)
        self.app.db.add(orm_server)
        self.app.db.commit()
        spawner.server = Server(orm_server=orm_server)
        spawner.api_token = self.people.token(None, username=username)
        self._spawners.append(spawner)
        made: T = spawner
        return made

    def make_authenticator(self, authenticator_class: type[T] | str, **traits: Any) -> T:
        """An authenticator that reads the hub's configuration, with these traits on top; handlers and users find it."""
        make: Callable[..., T] = component_class("authenticator_class", authenticator_class, "make_authenticator()")
        check_traits(make, traits)
        made = make(parent=self.app, _deprecated_db_session=self.app.db, **traits)
        for settings in (self.app.tornado_settings, self.app.tornado_application.settings):
            settings["authenticator"] = made
        self.app.authenticator = made
        return made

    def make_proxy(self, proxy_class: type[T] | str, **traits: Any) -> T:
        """A proxy of this class with its hub, as JupyterHub makes it; not started."""
        make: Callable[..., T] = component_class("proxy_class", proxy_class, "make_proxy()")
        check_traits(make, traits)
        app = self.app
        return make(
            db_factory=lambda: app.db,
            public_url=app.bind_url,
            parent=app,
            app=app,
            log=app.log,
            hub=app.hub,
            host_routing=bool(app.subdomain_host),
            **traits,
        )

    def make_handler(
        self,
        method: str = "POST",
        path: str = "login",
        *,
        handler_class: type[Any] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        secure_cookies: Mapping[str, str] | None = None,
    ) -> Any:
        """A login handler, or one of ``handler_class``, in the middle of this request of nobody who is logged in.

        ``path`` is relative to ``/hub/``; ``secure_cookies`` are signed as ``set_secure_cookie()`` does. Its own
        methods can run: what they answer is then in ``handler.request.connection``: ``status``, ``headers``, ``body``.
        """
        from jupyterhub.handlers.login import LoginHandler

        cls = check_handler(handler_class or LoginHandler, method)
        secret = self.app.cookie_secret
        signed = {name: signed_value(secret, name, value) for name, value in (secure_cookies or {}).items()}
        uri = f"{self.app.hub.base_url}{path}" + (f"?{urlencode(query)}" if query else "")
        all_headers = {**cookie_header({**(cookies or {}), **signed}), **(headers or {})}
        handler: Any = cls(self.app.tornado_application, make_request(method, uri, all_headers, body or {}))
        handler._transforms = []  # tornado sets both before it calls a handler
        handler.path_args, handler.path_kwargs = [], {}
        handler._jupyterhub_user = None  # nobody is logged in: JupyterHub would find out before it calls a handler
        return handler
