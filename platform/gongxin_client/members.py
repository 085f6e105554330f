"""Members and keys: the directory, one's own clients, and what the association administers."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from .auth import Connection, new_key
from .cases import rfc3339
from .keys import public_jwk
from .models import Member


class Members:
    """Base of `Registry`. Every method raises Refused, Unavailable or NotConnected where its call fails."""

    connection: Connection

    def me(self) -> Member:
        """Our own institution."""
        found = Member.read(self.connection.read("GET", "/v1/members/me", scope="members.read"))
        self.connection.profile.remember(member_id=found.member_id)
        return found

    def member_id(self) -> str:
        """Our member id: the profile's, else asked for once and remembered."""
        return self.connection.profile.member_id or self.me().member_id

    def member(self, member_id: str) -> Member:
        """One member of the directory."""
        return Member.read(
            self.connection.read("GET", f"/v1/members/{quote(member_id, safe='')}", scope="members.read")
        )

    def members(self, *, kind: str | None = None, state: str | None = None) -> Iterator[Member]:
        """The directory, page by page."""
        return map(Member.read, self._pages("/v1/members", "members.read", {"kind": kind, "state": state}))

    def agreements(self, member_id: str | None = None) -> list[dict[str, Any]]:
        """Versions of a membership agreement (our own by default)."""
        path = f"/v1/members/{quote(member_id or self.member_id(), safe='')}/agreements"
        return list(self._pages(path, "members.read", {}))

    # --- keys of one's own clients --------------------------------------------------------------------------------

    def clients(self) -> list[dict[str, Any]]:
        """Our clients."""
        return list(self._pages("/v1/clients", "keys.write", {}))

    def client_keys(self, client_id: str | None = None) -> list[dict[str, Any]]:
        """The public keys of a client (this one by default)."""
        return list(self._pages(self._keys_path(client_id), "keys.write", {}))

    def add_key(self, jwk: Mapping[str, Any], *, client_id: str | None = None) -> dict[str, Any]:
        """Registers a further public key, so that keys can rotate (two live at a time). Only the public members of
        `jwk` are sent."""
        return self.connection.read(
            "POST", self._keys_path(client_id), scope="keys.write", json_body={"jwk": public_jwk(dict(jwk))},
            key=new_key(),
        )  # fmt: skip

    def retire_key(self, kid: str, *, client_id: str | None = None) -> None:
        """Retires a key; tokens asked for with it are refused from then on."""
        path = f"{self._keys_path(client_id)}/{quote(kid, safe='')}/retirement"
        self.connection.call("POST", path, scope="keys.write")

    # --- for the association --------------------------------------------------------------------------------------

    def apply(self, *, kind: str, name_zh: str, uscc: str, name_en: str | None = None,
              court_code: str | None = None) -> Member:  # fmt: skip
        """Records an application for membership."""
        body = {"kind": kind, "name_zh": name_zh, "name_en": name_en, "uscc": uscc, "court_code": court_code}
        return Member.read(self._administer("/v1/members", {k: v for k, v in body.items() if v is not None}))

    def change_state(self, member_id: str, state: str, *, reason: str) -> Member:
        """active, suspended or left. A suspension takes effect on tokens already given."""
        path = f"/v1/members/{quote(member_id, safe='')}/state"
        return Member.read(self._administer(path, {"state": state, "reason": reason}))

    def agree(
        self,
        member_id: str,
        *,
        purposes: Sequence[str],
        budgets: Mapping[str, int],
        contacts: Mapping[str, str],
        effective_from: datetime,
        data_types: Sequence[str] = ("case_status",),
    ) -> dict[str, Any]:
        """A new version of a member's agreement."""
        body = {
            "purposes": list(purposes), "data_types": list(data_types), "budgets": dict(budgets),
            "contacts": dict(contacts), "effective_from": rfc3339(effective_from),
        }  # fmt: skip
        return self._administer(f"/v1/members/{quote(member_id, safe='')}/agreements", body)

    def create_client(
        self, member_id: str, name: str, *, scopes: Sequence[str], auth_method: str = "private_key_jwt"
    ) -> dict[str, Any]:
        """A client of a member; its public key is added by `add_key(jwk, client_id=…)`."""
        body = {"member_id": member_id, "name": name, "auth_method": auth_method, "scopes": list(scopes)}
        return self._administer("/v1/clients", body)

    def revoke_client(self, client_id: str) -> dict[str, Any]:
        """Revokes a client: its tokens are refused from now on."""
        return self.connection.read(
            "POST", f"/v1/clients/{quote(client_id, safe='')}/revocation", scope="members.write", key=new_key()
        )

    def _administer(self, path: str, body: Any) -> dict[str, Any]:
        return self.connection.read("POST", path, scope="members.write", json_body=body, key=new_key())

    def _keys_path(self, client_id: str | None) -> str:
        return f"/v1/clients/{quote(client_id or self.connection.profile.client_id, safe='')}/keys"

    def _pages(self, path: str, scope: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        raise NotImplementedError
