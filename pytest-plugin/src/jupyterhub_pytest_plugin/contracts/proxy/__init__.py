"""What JupyterHub relies on in a proxy."""

from __future__ import annotations

from .access import Access
from .hosts import Hosts
from .life import Life, ssl_hub
from .listed import Listed
from .messages import Messages
from .served import Served
from .sockets import WebSockets
from .traffic import Traffic
from .upkeep import Upkeep

__all__ = ["ProxyContract", "ssl_hub"]


class ProxyContract(Listed, Served, Upkeep, Traffic, Messages, WebSockets, Access, Life, Hosts):
    """Derive from it, and name the proxy::

        class TestMyProxy(ProxyContract):
            proxy_class = MyProxy
            proxy_config = {"some_trait": 1}

    A proxy that needs a port or files of its own gets them in :meth:`configure`.
    """
