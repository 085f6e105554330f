"""Requests in lines, as `gongxin.web.lines` has them."""

from gongxin.web.lines import each_line, load

__all__ = ["each_line", "load"]
