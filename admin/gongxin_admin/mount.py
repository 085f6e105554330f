"""Which application answers: the API, or a face. Paths are passed on whole, so a face runs unchanged on a host of its
own."""

from collections.abc import Iterable, Mapping
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

FACES = ("admin", "portal", "check")


class Mount:
    """`/check/…` is both: JSON from the API to whoever asks for JSON, a page to whoever asks for HTML."""

    def __init__(self, api: WSGIApplication, faces: Mapping[str, WSGIApplication]) -> None:
        self.api, self.faces = api, faces

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        first = environ.get("PATH_INFO", "").split("/", 2)[1:2]
        face = self.faces.get(first[0]) if first else None
        if face is None or (first[0] == "check" and not wants_page(environ)):
            return self.api(environ, start_response)
        return face(environ, start_response)


def wants_page(environ: WSGIEnvironment) -> bool:
    """A browser names HTML; a program names JSON, anything, or nothing. Static files of the face are the face's."""
    return "text/html" in environ.get("HTTP_ACCEPT", "") or environ.get("PATH_INFO", "").startswith("/check/static/")
