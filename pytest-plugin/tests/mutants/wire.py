"""Proxies that do not do what HTTP and WebSockets ask of whoever stands between."""

import asyncio
import posixpath
import re
from urllib.parse import unquote, urlsplit

from jupyterhub.proxy import ConfigurableHTTPProxy

from jupyterhub_pytest_plugin import proxy as inprocess
from jupyterhub_pytest_plugin.proxy import InProcessProxy
from mutants.proxies import EXTERNAL_PROXIES, PROXIES
from mutants.traffic import ChangesAnswers, Collector, RewritesHeads

breaks = PROXIES.breaks


# Who comes in, where


@EXTERNAL_PROXIES.breaks("test_api_wants_its_token")
class TrustsAnybody(ConfigurableHTTPProxy):
    async def start(self):
        self.command = ["env", "-u", "CONFIGPROXY_AUTH_TOKEN", *self.command]
        await super().start()


@EXTERNAL_PROXIES.breaks("test_api_listens_on_this_machine_only")
class OpensItsApi(ConfigurableHTTPProxy):
    async def start(self):
        self.command = ["sh", "-c", 'exec "$0" "$@" --api-ip 0.0.0.0', *self.command]
        await super().start()


@breaks("test_listens_where_it_was_told")
class ListensEverywhere(InProcessProxy):
    async def start(self):
        self.public_url = self.public_url.replace("127.0.0.1", "0.0.0.0")  # noqa: S104
        await super().start()


@breaks("test_cookies_stay_with_their_browser")
class HasOneJarOfCookies(ChangesAnswers, RewritesHeads):
    jar = ()

    def change(self, head, data):
        self.jar = re.findall(rb"Set-Cookie: ([^;\r]+)", data) or self.jar
        return data

    def rewrite(self, head):
        kept = "; ".join(cookie.decode() for cookie in self.jar)
        sends = not kept or head.get("cookie")
        return head if sends else head._replace(headers=[*head.headers, ("Cookie", kept)])


# WebSockets


@breaks("test_websocket_says_who_asks")
class SendsNoCookiesOfWebSockets(RewritesHeads):
    def rewrite(self, head):
        return self.without(head, "cookie") if head.get("upgrade") else head


@breaks("test_websocket_says_who_asks")
class HidesTheOrigin(RewritesHeads):
    def rewrite(self, head):
        return self.without(head, "origin")


@breaks("test_refused_websocket_keeps_its_status")
class CallsRefusalsErrors(ChangesAnswers):
    def change(self, head, data):
        return re.sub(rb"^HTTP/1.1 4..", b"HTTP/1.1 502", data) if head.get("upgrade") else data


@breaks("test_websocket_close_code_passes[server]")
class EndsInPeace(ChangesAnswers):
    def change(self, head, data):
        return data.replace((4001).to_bytes(2, "big"), (1000).to_bytes(2, "big")) if head.get("upgrade") else data


@breaks("test_websocket_close_code_passes[browser]")
class CutsWebSockets(InProcessProxy):
    """A browser's end is an end, without a word to the server."""

    async def _forward(self, head, reader, writer):
        if head.get("upgrade"):
            reader = Frames(reader)
        await super()._forward(head, reader, writer)


class Frames:
    """What a browser sends, up to where it closes."""

    def __init__(self, reader):
        self.reader = reader

    async def read(self, size):
        data = await self.reader.read(size)
        return b"" if data.startswith(b"\x88") else data


# What HTTP asks


@breaks("test_redirects_are_the_browsers")
class FollowsRedirects(InProcessProxy):
    async def _forward(self, head, reader, writer):
        if "status=302" not in head.target:
            await super()._forward(head, reader, writer)
            return
        collected = Collector(writer)
        await super()._forward(head, reader, collected)
        location = re.search(rb"Location: (\S+)", bytes(collected.data))[1].decode()
        await super()._forward(head._replace(target=urlsplit(location).path), reader, writer)


@breaks("test_path_is_not_tidied[slashes]")
class MergesSlashes(RewritesHeads):
    def rewrite(self, head):
        return head._replace(target=re.sub("/+", "/", head.path) + head.target[len(head.path) :])


@breaks("test_path_is_not_tidied[dots]")
class ResolvesDots(RewritesHeads):
    def rewrite(self, head):
        if "/." not in head.path:
            return head
        return head._replace(target=posixpath.normpath(head.path) + head.target[len(head.path) :])


@breaks("test_path_is_not_tidied[unreserved]")
class DecodesUnreserved(RewritesHeads):
    def rewrite(self, head):
        path = re.sub("%(7E|2D)", lambda found: unquote(found[0]), head.path)
        return head._replace(target=path + head.target[len(head.path) :])


@breaks("test_chunked_upload")
class DropsChunkedBodies(RewritesHeads):
    def rewrite(self, head):
        return self.without(head, "transfer-encoding")


@breaks("test_uploads_are_not_buffered")
class BuffersUploads(InProcessProxy):
    async def _forward(self, head, reader, writer):
        if size := int(head.get("content-length") or 0) * (not head.get("expect")):
            whole = asyncio.StreamReader()
            whole.feed_data(await reader.readexactly(size))
            reader = whole
        await super()._forward(head, reader, writer)


@breaks("test_expected_continue_comes")
class DropsExpectations(RewritesHeads):
    def rewrite(self, head):
        return self.without(head, "expect")


@breaks("test_headers_of_one_connection_end_with_it")
class PassesAllOfARequest(InProcessProxy):
    def _passed(self, head):
        return [*super()._passed(head), *(pair for pair in head.headers if pair[0] == "X-Hop")]


@breaks("test_headers_of_one_connection_end_with_it")
class PassesAllOfAnAnswer(ChangesAnswers):
    def change(self, head, data):
        return data.replace(b"X-Back-End: 1", b"X-Back-End: 1\r\nX-Back-Hop: 1")


@breaks("test_one_connection_many_routes")
class KeepsItsFirstRoute(InProcessProxy):
    """The first request of a connection chooses the server for all of them."""

    async def _forward(self, head, reader, writer):
        if not self.is_plain(head):
            await super()._forward(head, reader, writer)
            return
        target = urlsplit(self.find(head.host, head.path).target)
        while head is not None:
            writer.write(await self.asked(target, head))
            head = await inprocess._read_head(reader)

    async def asked(self, target, head):
        reader, writer = await asyncio.open_connection(target.hostname, target.port)
        try:
            writer.write(inprocess._encode(head, head.headers))
            answer = await reader.readuntil(b"\r\n\r\n")
            size = int(re.search(rb"Content-Length: (\d+)", answer)[1])
            return answer.replace(b"Connection: close\r\n", b"") + await reader.readexactly(size)
        finally:
            await inprocess._close(writer)

    @staticmethod
    def is_plain(head):
        """A request of a test that writes its requests itself, to be answered by a server with a length."""
        return (
            [name for name, _ in head.headers] == ["Host"] and "contract" in head.path and "stream" not in head.target
        )


@breaks("test_many_wait_at_once")
class HasAPoolOfConnections(InProcessProxy):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.pool = asyncio.Semaphore(100)

    async def _forward(self, head, reader, writer):
        async with self.pool:
            await super()._forward(head, reader, writer)
