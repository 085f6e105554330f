"""待办 What waits for the person who looks."""

from flask import Flask, Response

from ..face import Door, page
from ..menu import waiting


def register(app: Flask) -> None:
    face = app.name.removeprefix("gongxin_")

    @page(app, f"{face}.home", "")
    def home(door: Door) -> Response:
        return door.render("home.html", work=waiting(door))
