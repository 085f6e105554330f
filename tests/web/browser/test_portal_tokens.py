"""Blind tokens made by the page's own script, in a real browser: the published vectors, and a network that never sees
an ID number."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from gongxin_wire.identifiers import normalise
from tests.services.portal_world import Portal, somebody

from .conftest import Watched, Windows

ROOT = Path(__file__).resolve().parents[3]
RFC9497: dict[str, Any] = json.loads((ROOT / "tests" / "vectors" / "rfc9497.json").read_text())
NUMBERS: list[dict[str, Any]] = [
    vector
    for vector in json.loads(
        (resources.files("gongxin_wire") / "data" / "normalisation_vectors.json").read_text("utf-8")
    )["vectors"]
    if vector["kind"] != "case_number"
]

# Runs one vector: blinding with the vector's own scalars, and finalising, which checks the proof first.
_VECTOR = """async ([address, vector, key, spoilt]) => {
  const { suite } = await import(address);
  const voprf = await suite();
  const bytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
  const hex = (found) => [...found].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  // The library maps random bytes r to r mod (L - 1) + 1, little-endian: r = blind - 1 gives the vector's blind.
  const fixed = (blind) => (length) => {
    const found = new Uint8Array(length);
    let rest = BigInt("0x" + blind.match(/../g).reverse().join("")) - 1n;
    for (let at = 0; at < length; at += 1) { found[at] = Number(rest & 255n); rest >>= 8n; }
    return found;
  };
  const blinded = vector.Input.map((input, at) => voprf.blind(bytes(input), fixed(vector.Blind[at])));
  const items = vector.Input.map((input, at) => ({
    input: bytes(input), blind: bytes(vector.Blind[at]), blinded: blinded[at].blinded,
    evaluated: bytes(vector.EvaluationElement[at]),
  }));
  const proof = bytes(vector.Proof);
  if (spoilt) proof[5] ^= 1;
  try {
    const outputs = voprf.finalizeBatch(items, bytes(key), proof);
    return { blinded: blinded.map((each) => hex(each.blinded)), outputs: outputs.map(hex) };
  } catch (fault) {
    return { refused: String(fault.message) };
  }
}"""
_NORMALISE = """async ([address, countries, vectors]) => {
  const { normalise, octets } = await import(address);
  const hex = (found) => [...found].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return vectors.map(({ kind, input }) => {
    try {
      const normal = normalise(kind, input, countries);
      return { normal, octets: hex(octets(kind, normal)) };
    } catch (fault) {
      return { error: fault.code };
    }
  });
}"""
TOKENS = "/portal/static/portal/tokens.js"


@pytest.fixture
def portal(windows: Windows) -> Portal:
    return Portal(windows.town.engine, windows.town.config)


@pytest.fixture
def clerk(windows: Windows, portal: Portal) -> Watched:
    return windows.window(portal.person(portal.house("bank")), "portal")


def test_the_rfcs_vectors_hold_in_the_browser(clerk: Watched) -> None:
    page = clerk.go("/portal/ask")
    mode = next(mode for mode in RFC9497["modes"] if mode["mode"] == 1)
    assert len(mode["vectors"]) == 3
    for vector in mode["vectors"]:
        found = page.evaluate(_VECTOR, [TOKENS, vector, mode["pkSm"], False])
        assert found == {"blinded": vector["BlindedElement"], "outputs": vector["Output"]}
        spoilt = page.evaluate(_VECTOR, [TOKENS, vector, mode["pkSm"], True])
        assert "proof" in spoilt["refused"]
    clerk.check()


def test_numbers_normalise_in_the_browser_as_the_published_vectors_say(clerk: Watched) -> None:
    page = clerk.go("/portal/ask")
    countries = page.evaluate("async () => (await (await fetch('/portal/subjects/keys')).json()).countries")
    texts = [vector for vector in NUMBERS if isinstance(vector["input"], str)]
    found = page.evaluate(_NORMALISE, [TOKENS, countries, texts])
    assert len(texts) > 40
    for vector, made in zip(texts, found, strict=True):
        wanted = (
            {"error": vector["error"]}
            if "error" in vector
            else {"normal": vector["normal"], "octets": vector["octets"]}
        )
        assert made == wanted, vector["note"]


def test_the_browsers_token_is_the_one_the_sdk_would_make(clerk: Watched, portal: Portal) -> None:
    number = somebody()
    page = clerk.go("/portal/ask")
    made = page.evaluate(
        """async ([address, number]) => {
          const { Subjects } = await import(address);
          const csrf = document.querySelector("[name=csrf_token]").value;
          const at = "/portal/subjects/";
          const subjects = new Subjects({ keys: at + "keys", evaluate: at + "evaluations", csrf });
          return (await subjects.of([{ kind: "cn_id", number }]))[0];
        }""",
        [TOKENS, f" {number[:6]}-{number[6:14]} {number[14:].lower()} "],
    )
    from gongxin_wire.canonical import b64u

    assert made == [{"epoch": epoch, "token": b64u(token)} for epoch, token in portal.tokens(number)]
    assert normalise("cn_id", number).text == number


def test_an_evaluation_under_another_key_is_not_used(clerk: Watched) -> None:
    """The proof is checked against the published key, so an answer made with any other key gives no token."""
    page = clerk.go("/portal/ask")
    refused = page.evaluate(
        """async ([address, number]) => {
          const { Subjects, suite, b64u, unb64u } = await import(address);
          const voprf = await suite();
          const own = voprf.generateKeyPair();
          const real = fetch;
          window.fetch = async (address, options) => {
            const answer = await real(address, options);
            if (!String(address).includes("evaluations")) return answer;
            const elements = JSON.parse(options.body).elements.map((text) => unb64u(text, 32));
            const { evaluated, proof } = voprf.blindEvaluateBatch(own.secretKey, own.publicKey, elements);
            return new Response(JSON.stringify({
              evaluated: evaluated.map(b64u), proof: b64u(proof), public_key: b64u(own.publicKey),
            }), { headers: { "Content-Type": "application/json" } });
          };
          const csrf = document.querySelector("[name=csrf_token]").value;
          const at = "/portal/subjects/";
          const subjects = new Subjects({ keys: at + "keys", evaluate: at + "evaluations", csrf });
          try { return await subjects.of([{ kind: "cn_id", number }]); } catch (fault) { return fault.code; }
        }""",
        [TOKENS, somebody()],
    )
    assert refused == "proof"


def test_a_key_that_differs_from_the_one_first_seen_is_refused(clerk: Watched) -> None:
    page = clerk.go("/portal/ask")
    code = page.evaluate(
        """async ([address]) => {
          const { Subjects } = await import(address);
          const make = () => new Subjects({ keys: "/portal/subjects/keys" });
          await make().keys();
          const held = Object.keys(localStorage).filter((name) => name.startsWith("gx-key "));
          for (const name of held) localStorage.setItem(name, "other");
          try { await make().keys(); return "used"; } catch (fault) { return fault.code; }
        }""",
        [TOKENS],
    )
    assert code == "key_changed"
