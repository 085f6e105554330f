"""机构门户 The portal: what a member without programmers does by hand. A module a section."""

from flask import Flask

from . import agents, asking, cases, claims, house, importing, matters, money, subjects

SECTIONS = (subjects, asking, cases, importing, agents, matters, money, claims, house)


def register(app: Flask) -> None:
    for section in SECTIONS:
        section.register(app)
