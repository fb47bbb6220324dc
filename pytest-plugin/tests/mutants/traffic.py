"""Proxies that change, or do not pass, what goes through them."""

from urllib.parse import urlsplit

from jupyterhub_pytest_plugin import proxy as inprocess
from jupyterhub_pytest_plugin.contracts.wire import refuses
from jupyterhub_pytest_plugin.proxy import InProcessProxy
from mutants.proxies import PROXIES
from mutants.table import cases

breaks = PROXIES.breaks


class RewritesHeads(InProcessProxy):
    """Changes each request on its way to a server (not to the hub)."""

    def rewrite(self, head):
        return head

    async def _forward(self, head, reader, writer):
        route = self.find(head.host, head.path)
        if route is not None and route.target != self.hub.host and "contract" in head.path:
            head = self.rewrite(head)
        await super()._forward(head, reader, writer)

    @staticmethod
    def without(head, *names):
        return head._replace(headers=[pair for pair in head.headers if pair[0].lower() not in names])


@breaks("test_path_and_query_pass_unchanged")
class DecodesPaths(RewritesHeads):
    def rewrite(self, head):
        return head._replace(target=head.target.replace("%2F", "/"))


@breaks("test_methods_and_bodies_pass")
class DropsPatch(RewritesHeads):
    def rewrite(self, head):
        return head._replace(method="POST") if head.method == "PATCH" else head


@breaks("test_host_is_preserved", "test_websocket_says_who_asks")
class ReplacesTheHost(RewritesHeads):
    def rewrite(self, head):
        if self.host_routing:  # its own choice of a route would follow the new host
            return head
        plain = self.without(head, "host")
        return plain._replace(headers=[*plain.headers, ("Host", "localhost")])


@breaks("test_forwarded_headers")
class ClaimsEncryption(RewritesHeads):
    """As where it was written for a place behind something that speaks TLS."""

    def rewrite(self, head):
        return head._replace(headers=[*head.headers, ("X-Forwarded-Proto", "https")])


@breaks("test_websocket", "test_websocket_subprotocol", "test_websocket_says_who_asks")
class DropsUpgrades(RewritesHeads):
    def rewrite(self, head):
        return self.without(head, "upgrade")


@breaks("test_websocket_subprotocol")
class DropsSubprotocols(RewritesHeads):
    def rewrite(self, head):
        return self.without(head, "sec-websocket-protocol")


class Changed:
    """A writer to a browser that changes what it writes."""

    def __init__(self, writer, change):
        self.writer, self.change = writer, change

    def write(self, data):
        self.writer.write(self.change(data))

    def __getattr__(self, name):
        return getattr(self.writer, name)


class ChangesAnswers(InProcessProxy):
    """Changes what comes from a server (not from the hub), piece by piece."""

    def change(self, head, data):
        return data

    async def _forward(self, head, reader, writer):
        if "contract" in head.path:
            writer = Changed(writer, lambda data: self.change(head, data))
        await super()._forward(head, reader, writer)


@breaks("test_status_and_headers_pass")
class MergesCookies(ChangesAnswers):
    def change(self, head, data):
        return data.replace(b"\r\nSet-Cookie: b=2", b"")


@breaks("test_large_download")
class CutsLongAnswers(InProcessProxy):
    async def _forward(self, head, reader, writer):
        left = 4_000_000

        def cut(data):
            nonlocal left
            data = data[:left]
            left -= len(data)
            return data

        await super()._forward(head, reader, Changed(writer, cut))


class Collector:
    def __init__(self, writer):
        self.data = bytearray()
        self.get_extra_info = writer.get_extra_info

    def write(self, data):
        self.data += data

    def can_write_eof(self):
        return False

    async def drain(self):
        pass


@breaks("test_streams_are_not_buffered", "test_uploads_are_not_buffered", "test_expected_continue_comes")
class BuffersAnswers(InProcessProxy):
    async def _forward(self, head, reader, writer):
        if "contract" not in head.path or head.get("upgrade"):
            await super()._forward(head, reader, writer)
            return
        collected = Collector(writer)
        await super()._forward(head, reader, collected)
        writer.write(bytes(collected.data))
        await writer.drain()


@breaks("test_dead_server_is_an_error")
class HidesDeadServers(InProcessProxy):
    async def _forward(self, head, reader, writer):
        route = self.find(head.host, head.path)
        target = urlsplit(route.target if route else "")
        if target.port and refuses((target.hostname, target.port)):
            await inprocess._refuse(writer, 200, "OK", "all is well")
        else:
            await super()._forward(head, reader, writer)


class AnswersItself(InProcessProxy):
    """Has an answer of its own for some requests."""

    status = (404, "Not Found", "no such file")

    def answers(self, head):
        return False

    async def _forward(self, head, reader, writer):
        if self.answers(head):
            await inprocess._refuse(writer, *self.status)
        else:
            await super()._forward(head, reader, writer)


@breaks("test_hub_is_served")
class ShowsItsStatus(AnswersItself):
    status = (200, "OK", "all is well")

    def answers(self, head):
        return head.path == "/"


@breaks("test_large_upload")
class RefusesLargeBodies(AnswersItself):
    status = (413, "Content Too Large", "a megabyte is enough")

    def answers(self, head):
        return int(head.get("content-length") or 0) > 1 << 20


@breaks(*cases("test_odd_names_are_served", "at dots"), "test_path_is_not_tidied[dots]")
class TakesDotsForFiles(AnswersItself):
    def answers(self, head):
        return "." in head.path


@breaks(*cases("test_odd_names_are_served", "tilde"))
class TakesTildesForHomes(AnswersItself):
    def answers(self, head):
        return "/~" in head.path


@breaks("test_internal_ssl")
class SpeaksPlainToServers(InProcessProxy):
    def _client_context(self, scheme):
        return None
