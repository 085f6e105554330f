"""access: service"""

from flask import Request

from gongxin.web.caller import Caller
from gongxin.web.permissions import Permission
from gongxin.web.runtime import Runtime


def authenticate(runtime: Runtime, request: Request, permission: Permission) -> Caller:
    raise NotImplementedError
