"""Sending: one httpx client, time-outs, retries with exponential back-off and jitter, problems as exceptions."""

import contextlib
import enum
import json
import random
import ssl
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from . import clock
from .errors import BadInput, ClientError, NotConnected, Refused, Unavailable
from .profile import Profile

ATTEMPTS = 6
BASE_SECONDS = 0.25
MAX_BACKOFF_SECONDS = 8.0
MAX_RETRY_AFTER_SECONDS = 65.0
TIMEOUT = httpx.Timeout(connect=5.0, read=60.0, write=60.0, pool=10.0)
_PROBLEM = ("type", "status", "code", "title", "title_en", "fix", "fix_en", "pointer", "request_id")
_OAUTH = {
    "invalid_client": ("客户端身份未被接受", "The client is not accepted",
        "核对 client_id、密钥是否已登记且未停用，以及本机时钟。",
        "Check client_id, that the key is registered and not retired, and this machine's clock."),
    "invalid_scope": ("申请的范围未被授予", "The scope asked for is not granted",
        "请协会为该客户端开通此范围。", "Ask the association to open this scope for the client."),
    "invalid_authorization_details": ("申请的用途未被授予", "The purpose asked for is not granted",
        "核对会员协议中的用途与数据类型。", "Check purposes and data types of the membership agreement."),
    "invalid_dpop_proof": ("持有证明未被接受", "The proof of possession is not accepted",
        "核对本机时钟与登记处地址。", "Check this machine's clock and the registry's address."),
    "unauthorized_client": ("客户端不能使用此方式", "The client may not use this grant", "", ""),
}  # fmt: skip


class Repeat(enum.Enum):
    """When a request may be sent again: ALWAYS (idempotent, or it carries an Idempotency-Key), or only where the
    registry surely did nothing with it, UNHEARD: not connected, 429, 503."""

    ALWAYS = "always"
    UNHEARD = "unheard"


class Http:
    """One connection pool to one registry; safe for many threads."""

    def __init__(self, profile: Profile, *, transport: httpx.BaseTransport | None = None) -> None:
        verify: ssl.SSLContext | bool = True
        if profile.ca_file is not None:
            try:
                verify = ssl.create_default_context(cafile=str(profile.ca_file))
            except (OSError, ssl.SSLError) as fault:
                raise BadInput("ca_not_read", "CA 文件无法读取", "The CA file cannot be read") from fault
        self.client = httpx.Client(
            transport=transport,
            timeout=TIMEOUT,
            verify=verify,
            follow_redirects=False,
            trust_env=not profile.loopback,
            headers={"User-Agent": "gongxin-member/1", "Accept-Language": "zh, en"},
        )

    def close(self) -> None:
        self.client.close()

    def exchange(self, build: Callable[[], httpx.Request], repeat: Repeat) -> httpx.Response:
        """Sends what `build` makes (anew for each attempt: a proof is good once) and returns the answer, whatever its
        status. Raises NotConnected, or Unavailable where 5xx and 429 did not end."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = self.client.send(build())
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as fault:
                if attempt == ATTEMPTS:
                    raise _not_connected(fault) from fault
                clock.sleep(_backoff(attempt))
                continue
            except httpx.TransportError as fault:
                if attempt == ATTEMPTS or repeat is Repeat.UNHEARD:
                    raise gone_silent(fault) from fault
                clock.sleep(_backoff(attempt))
                continue
            wait = _wait(response, attempt, repeat)
            if wait is None or attempt == ATTEMPTS:
                return response
            clock.sleep(wait)
        raise AssertionError("the last attempt returns or raises")


def _wait(response: httpx.Response, attempt: int, repeat: Repeat) -> float | None:
    """Seconds until the next attempt, None where the answer stands."""
    status = response.status_code
    in_progress = status == 409 and _code(response) == "request_in_progress"
    if status not in {429, 503} and not (repeat is Repeat.ALWAYS and (status in {502, 504} or in_progress)):
        return None
    asked = retry_after(response)
    if asked is None:
        return _backoff(attempt)
    return asked + _jitter(0, BASE_SECONDS) if asked <= MAX_RETRY_AFTER_SECONDS else None


def _jitter(least: float, most: float) -> float:
    return random.uniform(least, most)  # noqa: S311 (spreads load; nothing secret)


def _backoff(attempt: int) -> float:
    """Full jitter over an interval that doubles."""
    return _jitter(BASE_SECONDS / 4, min(MAX_BACKOFF_SECONDS, BASE_SECONDS * 2**attempt))


def retry_after(response: httpx.Response) -> float | None:
    """Seconds of Retry-After, given as a number or an HTTP date (RFC 9110 section 10.2.3)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    with contextlib.suppress(ValueError, TypeError):
        moment = parsedate_to_datetime(text)
        return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - clock.now()).total_seconds())
    return None


def _code(response: httpx.Response) -> Any:
    with contextlib.suppress(ValueError, AttributeError):
        return response.json().get("code")
    return None


def json_of(response: httpx.Response) -> dict[str, Any]:
    """The answer as a JSON object; raises Unavailable for anything else, so that it is never taken for one."""
    with contextlib.suppress(ValueError):
        body = response.json()
        if isinstance(body, dict):
            return body
    raise unreadable()


def lines_of(response: httpx.Response) -> list[dict[str, Any]]:
    """The answer as NDJSON objects; raises Unavailable where a line is none."""
    try:
        found = [json.loads(line) for line in response.content.split(b"\n") if line.strip()]
    except ValueError as fault:
        raise unreadable() from fault
    if not all(isinstance(line, dict) for line in found):
        raise unreadable()
    return found


def unreadable() -> Unavailable:
    """The registry (or something before it) answered what is not in the contract."""
    return Unavailable(
        "unreadable_answer", "登记处的应答无法识别", "The registry's answer cannot be read",
        "核对登记处地址；若无误，请报告。", "Check the registry's address; if it is right, report this.",
    )  # fmt: skip


def error_of(response: httpx.Response) -> ClientError:
    """What an answer that is not 2xx says: Refused for 4xx, else Unavailable."""
    status = response.status_code
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        body = {}
    if isinstance(body.get("error"), str):
        return _oauth_error(status, body, response)
    if not 400 <= status < 500:
        if 300 <= status < 400:
            return Unavailable(
                "unexpected_redirect", "登记处要求转向，未予跟随", "The registry redirects; that is not followed",
                "核对登记处地址。", "Check the registry's address.",
            )  # fmt: skip
        return Unavailable(
            _string(body, "code") or f"http_{status}",
            _string(body, "title") or "登记处暂不可用",
            _string(body, "title_en") or "The registry is not available now",
            _string(body, "fix") or "稍后重试。",
            _string(body, "fix_en") or "Try again later.",
        )
    return Refused(
        _string(body, "code") or f"http_{status}",
        _string(body, "title") or "请求被拒绝",
        _string(body, "title_en") or "The request was refused",
        _string(body, "fix"),
        _string(body, "fix_en"),
        status=status,
        pointer=body["pointer"] if isinstance(body.get("pointer"), str) else None,
        extra={name: value for name, value in body.items() if name not in _PROBLEM},
        request_id=_string(body, "request_id"),
        retry_after=retry_after(response),
    )


def _oauth_error(status: int, body: dict[str, Any], response: httpx.Response) -> ClientError:
    """RFC 6749's form, in the registry's own words where it gives them."""
    error = _string(body, "error")
    zh, en, fix_zh, fix_en = _OAUTH.get(error, ("登记处未发给令牌", "The registry gave no token", "", ""))
    told = (
        _string(body, "code") or error or f"http_{status}",
        _string(body, "error_description_zh") or zh,
        _string(body, "error_description") or en,
        _string(body, "fix") or fix_zh,
        _string(body, "fix_en") or fix_en,
    )
    if not 400 <= status < 500:
        return Unavailable(*told)
    return Refused(
        *told, status=status, extra={"error": error}, retry_after=retry_after(response),
        request_id=_string(body, "request_id") or response.headers.get("X-Request-Id", ""),
    )  # fmt: skip


def problem_of(body: dict[str, Any]) -> Refused:
    """The `problem` of one refused line of an NDJSON answer."""
    return Refused(
        _string(body, "code") or "refused",
        _string(body, "title") or "该行被拒绝",
        _string(body, "title_en") or "The line was refused",
        _string(body, "fix"),
        _string(body, "fix_en"),
        status=422,
        pointer=body["pointer"] if isinstance(body.get("pointer"), str) else None,
        extra={name: value for name, value in body.items() if name not in _PROBLEM},
    )


def _string(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _not_connected(fault: Exception) -> NotConnected:
    return NotConnected(
        "not_connected", "连不上登记处", f"The registry cannot be reached ({type(fault).__name__})",
        "核对网络与登记处地址后重试。", "Check the network and the registry's address, then try again.",
    )  # fmt: skip


def gone_silent(fault: Exception) -> NotConnected:
    return NotConnected(
        "no_answer",
        "登记处没有应答，不知是否已处理",
        f"The registry did not answer; what was sent may have arrived ({type(fault).__name__})",
        "查询可重新提出；登记类请求请用同一 Idempotency-Key 重试。",
        "Ask again; send what creates records again with the same Idempotency-Key.",
    )  # fmt: skip
