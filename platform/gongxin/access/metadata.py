"""The two published documents: authorization server (RFC 8414) and protected resource (RFC 9728)."""

from functools import lru_cache
from typing import Any

from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from gongxin.config import Config
from gongxin.web.permissions import SCOPES

from . import grants, jose, rules


@lru_cache(maxsize=8)
def server(config: Config) -> dict[str, Any]:
    """RFC 8414 section 2, with the members of RFC 8705, 9396 and 9449. No authorization endpoint: no response type."""
    issuer = config.issuer
    methods, algorithms = list(rules.AUTH_METHODS), list(jose.ALGORITHMS)
    found: dict[str, Any] = {
        "issuer": issuer,
        "token_endpoint": issuer + grants.TOKEN_PATH,
        "jwks_uri": f"{issuer}/oauth/jwks",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "scopes_supported": sorted(SCOPES),
        "response_types_supported": ["none"],
        "grant_types_supported": ["client_credentials"],
        "authorization_details_types_supported": [rules.GRANT_TYPE],
        "dpop_signing_alg_values_supported": algorithms,
        "tls_client_certificate_bound_access_tokens": True,
        "service_documentation": f"{issuer}/docs",
        "ui_locales_supported": ["zh-CN", "en"],
    }
    for endpoint in ("token", "introspection", "revocation"):
        found[f"{endpoint}_endpoint_auth_methods_supported"] = methods
        found[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = algorithms
    if issuer.startswith("https://"):
        # What RFC 8414 does not allow is never published; it allows no http, which only a demonstration has.
        AuthorizationServerMetadata(found).validate()
    return found


@lru_cache(maxsize=8)
def resource(config: Config) -> dict[str, Any]:
    """RFC 9728 section 2."""
    issuer = config.issuer
    return {
        "resource": issuer,
        "resource_name": config.registry_name,
        "authorization_servers": [issuer],
        "jwks_uri": f"{issuer}/v1/disclosure/receipt-keys",
        "scopes_supported": sorted(SCOPES),
        "bearer_methods_supported": ["header"],
        "authorization_details_types_supported": [rules.GRANT_TYPE],
        "dpop_signing_alg_values_supported": list(jose.ALGORITHMS),
        "tls_client_certificate_bound_access_tokens": True,
        "resource_documentation": f"{issuer}/docs",
    }
