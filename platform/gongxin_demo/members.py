"""The association admits the province's institutions, by the registry's own services, as its operator would; each
institution makes its key itself, and only the public part reaches the registry."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.access import queries as access_queries
from gongxin.access import service as access
from gongxin.db import transaction
from gongxin.members import queries, rules, service
from gongxin.members.models import Member
from gongxin.web.permissions import PERMISSIONS
from gongxin_client import keys, profile

from .province import INSTITUTIONS, Institution

_OPERATOR = "示例省协会准入岗 admissions"
_LOOKUPS_A_DAY = 100_000


@dataclass(frozen=True, slots=True)
class Admitted:
    """An institution with its id and the profile its software starts from."""

    institution: Institution
    member_id: str
    profile: Path


def admit_all(engine: Engine, folder: Path, issuer: str) -> dict[str, Admitted]:
    """Every institution a member with agreement, client and key; who is admitted already stays as it is."""
    return {each.slug: admit(engine, each, folder / each.slug, issuer) for each in INSTITUTIONS}


def admit(engine: Engine, institution: Institution, folder: Path, issuer: str) -> Admitted:
    """One institution, in one transaction. Its client is made anew where its profile is lost, or is of a version that
    could do less."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / profile.DEFAULT_NAME
    with transaction(engine) as session:
        member = queries.find_member_by_uscc(session, institution.uscc) or _apply(session, institution)
        if member.state != "active":
            # Also where a day was cut off while it was suspended.
            service.change_state(session, member.id, state="active", reason="准入 admitted", changed_by=_OPERATOR)
        client_id = _client_of(session, path, member) or _make_client(session, member, folder)
        member_id = str(member.id)
    # Written after the commit: a profile names a client that exists.
    _write_profile(path, issuer, client_id, member_id)
    return Admitted(institution, member_id, path)


def _apply(session: Session, institution: Institution) -> Member:
    member = service.apply(
        session,
        kind=institution.kind,
        name_zh=institution.name_zh,
        name_en=institution.name_en,
        uscc=institution.uscc,
        court_code=institution.court_code,
    )
    purposes = rules.PURPOSES_OF[institution.kind]
    service.agree(
        session,
        member.id,
        purposes=purposes,
        data_types=rules.DATA_TYPES,
        budgets=dict.fromkeys((*purposes, rules.EVALUATION), _LOOKUPS_A_DAY),
        contacts={"operations": f"operations@{institution.slug}.example"},
        effective_from=clock.now(),
    )
    return member


def _make_client(session: Session, member: Member, folder: Path) -> str:
    """A client that authenticates by the member's own key (RFC 7523), with every scope its kind can use."""
    made = keys.generate("ES256")
    path = folder / "key.pem"
    path.unlink(missing_ok=True)
    keys.save(made, path)
    client = access.create_client(
        session, member_id=member.id, name="demo", auth_method="private_key_jwt", scopes=_scopes(member)
    )
    access.add_key(session, client.id, keys.public_jwk(made.jwk))
    return str(client.id)


def _scopes(member: Member) -> list[str]:
    return sorted({row.scope for row in PERMISSIONS.values() if row.scope and member.kind in row.kinds})


def _client_of(session: Session, path: Path, member: Member) -> str | None:
    """The client of a profile that is there, is this member's, and may do all that its kind can do today."""
    if not path.exists():
        return None
    found = profile.read(path, {})
    if found.member_id != str(member.id):
        return None
    held = {str(client.id): client.scopes for client in access_queries.clients(session, member_id=member.id)}
    return found.client_id if set(_scopes(member)) <= set(held.get(found.client_id, ())) else None


def _write_profile(path: Path, issuer: str, client_id: str, member_id: str) -> None:
    """New, or with the address the registry has today; keys it has pinned stay pinned."""
    held = profile.read(path, {}) if path.exists() else None
    pins = held.pins if held is not None and held.client_id == client_id else profile.Pins()
    key_path = path.with_name("key.pem")
    found = profile.Profile(
        issuer, client_id, keys.load(key_path), member_id=member_id, key_path=key_path, path=path, pins=pins
    )
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    profile.write(found, fresh)
    fresh.replace(path)
