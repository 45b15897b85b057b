"""404.html is right wherever the book lies, also where the build did not know."""

from functools import partial
from http.server import ThreadingHTTPServer
from threading import Thread

import pytest

from tests.site.pages import HTML, Host


class InFolder(Host):
    """Serves the site below /some/folder/, and 404.html for all that is not there."""

    def translate_path(self, path):
        if path.startswith("/some/folder/"):
            return super().translate_path(path.removeprefix("/some/folder"))
        return str(HTML / "nowhere")

    def send_error(self, code, *args, **more):
        body = (HTML / "404.html").read_bytes()
        self.send_response(404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def folder():
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(InFolder, directory=HTML)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/some/folder/"
        server.shutdown()


@pytest.mark.parametrize("path", ["gone.html", "book/part1/gone.html", "a/b/c/gone"])
def test_in_a_folder_its_links_lead_into_the_book(visit, folder, path):
    here = visit(path, base=folder)
    here.page.get_by_role("heading", name="No such page").wait_for()
    here.page.wait_for_function("document.querySelector('base').href.endsWith('/some/folder/')")
    here.page.get_by_role("link", name="the book begins here").click()
    here.page.wait_for_url(f"{folder}book/index.html")
    here.expect("console: Failed to load resource: the server responded with a status of 404")
