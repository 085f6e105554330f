"""subjects: parse, call, return."""

from gongxin.web.blueprint import Blueprint

BLUEPRINTS: tuple[Blueprint, ...] = ()
