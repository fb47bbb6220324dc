"""A proxy: configurable-http-proxy with one more promise, that it counts what it does."""

from jupyterhub.proxy import ConfigurableHTTPProxy
from traitlets import Dict


class CountingProxy(ConfigurableHTTPProxy):
    counts = Dict(help="How often each kind of change was made.")

    def _count(self, what):
        self.counts = {**self.counts, what: self.counts.get(what, 0) + 1}

    async def add_route(self, routespec, target, data):
        await super().add_route(routespec, target, data)
        self._count("added")

    async def delete_route(self, routespec):
        await super().delete_route(routespec)
        self._count("deleted")
