// Blind tokens in the browser: RFC 9497 VOPRF(ristretto255, SHA-512) by @noble/curves, vendored as published.
// A number is normalised, blinded and forgotten here; what leaves are blinded elements, then tokens.
"use strict";

const HERE = new URL("../vendor/noble-curves-2.4.0/ed25519.js", import.meta.url).href;
const NORMALISATION = "gx-id-1", SUITE = "ristretto255-SHA512", MODE = "VOPRF";
const BATCH = 200;
const NEEDED = ["retiring", "live"];

// Why something was refused, in both languages; never with the number in it.
const WORDS = {
  unknown_kind: ["未知的证件类型。", "Unknown kind of document."],
  too_long: ["证件号码过长。", "The number is too long."],
  empty: ["请填写证件号码。", "Give the number of the document."],
  old_id_number: ["这是 15 位旧身份证号码，请按现行证件补录 18 位号码。", "An old 15-digit number: give the 18 digits of the current card."],
  id_form: ["身份证号码应为 17 位数字加一位校验码，请核对原件。", "An ID number has 17 digits and a check character: compare it with the card."],
  id_birth_date: ["身份证号码中的出生日期不成立，请核对原件。", "The birth date in the number cannot be: compare it with the card."],
  id_check: ["身份证号码校验码不符，请核对原件。", "The check character does not match: compare it with the card."],
  uscc_form: ["统一社会信用代码应为 18 位，不含 I、O、Z、S、V。", "The code has 18 characters, without I, O, Z, S, V."],
  uscc_division: ["统一社会信用代码第 3 至 8 位应为数字。", "Characters 3 to 8 of the code are digits."],
  uscc_check: ["统一社会信用代码校验码不符，请核对原件。", "The check character of the code does not match."],
  passport_form: ["护照应为三位国家代码加号码，例如 CHN 加护照号码。", "A passport is a three-letter country code and its number, for example CHN and the number."],
  passport_country: ["没有这个三位国家代码；使用 CHN、USA、DEU 等。", "No country has this three-letter code; use CHN, USA, DEU and so on."],
  other_suite: ["登记处使用本页不认识的算法，请改用 gongxin-member。", "The registry uses a suite this page does not know: use gongxin-member."],
  key_changed: ["登记处公布的盲化密钥与本浏览器先前所见不同。请停止使用并联系登记处。", "The published blinding key differs from the one this browser saw before. Stop, and call the registry."],
  proof: ["盲化求值的证明不成立，结果没有使用。请联系登记处。", "The proof of blind evaluation does not hold; nothing of it was used. Call the registry."],
  unreadable: ["登记处的答复无法读取，请稍后再试。", "The registry's reply cannot be read. Try again later."],
  offline: ["连接不上登记处，请稍后再试。", "The registry cannot be reached. Try again later."],
  signed_out: ["登录已失效，请在另一页重新登录后再试；此页内容还在。", "You are signed out: sign in on another page and try again; this page keeps its content."],
  too_fast: ["请求过于频繁，请一分钟后再试。", "Too many requests: try again in a minute."],
  cannot: ["此浏览器不能生成盲化令牌，请改用 gongxin-member。", "This browser cannot make blind tokens: use gongxin-member."],
};

export const english = document.documentElement.lang.startsWith("en");
export const both = (zh, en) => (english ? en : zh);

export class Fault extends Error {
  constructor(code, words = WORDS[code]) {
    super(both(...words));
    this.code = code;
  }
}

// --- the normalisation gx-id-1 (docs/normalisation.md) ---

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY";
const between = (code, first, last) => code >= first && code <= last;

export function fold(text) {
  let found = "";
  for (const character of text) {
    let code = character.codePointAt(0);
    if (gone(code)) continue;
    if (between(code, 0xff01, 0xff5e)) code -= 0xfee0;
    if (between(code, 0x61, 0x7a)) code -= 32;
    found += String.fromCodePoint(code);
  }
  return found;
}

function gone(code) {
  return [0x09, 0x0a, 0x0d, 0x20, 0xa0, 0x3000, 0x202f, 0x205f, 0x2060, 0xfeff, 0x2d, 0xb7, 0xff0d, 0x2212].includes(code)
    || between(code, 0x2000, 0x200f) || between(code, 0x202a, 0x202e) || between(code, 0x2066, 0x2069)
    || between(code, 0x2010, 0x2015);
}

export function normalise(kind, text, countries) {
  const rule = { cn_id: cnId, uscc, passport: (folded) => passport(folded, countries) }[kind];
  if (!rule) throw new Fault("unknown_kind");
  if ([...text].length > 200) throw new Fault("too_long");
  const folded = fold(text);
  if (!folded) throw new Fault("empty");
  rule(folded);
  return folded;
}

function cnId(text) {
  if (/^[0-9]{15}$/.test(text)) throw new Fault("old_id_number");
  if (!/^[1-9][0-9]{16}[0-9X]$/.test(text)) throw new Fault("id_form");
  const [year, month, day] = [text.slice(6, 10), text.slice(10, 12), text.slice(12, 14)].map(Number);
  const lengths = [31, (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  if (!between(year, 1850, 2100) || !between(month, 1, 12) || !between(day, 1, lengths[month - 1])) throw new Fault("id_birth_date");
  const sum = WEIGHTS.reduce((total, weight, at) => total + weight * Number(text[at]), 0);
  if ("10X98765432"[sum % 11] !== text[17]) throw new Fault("id_check");
}

function uscc(text) {
  if (text.length !== 18 || [...text].some((character) => !USCC.includes(character))) throw new Fault("uscc_form");
  if (!/^[0-9]{6}$/.test(text.slice(2, 8))) throw new Fault("uscc_division");
  let sum = 0, weight = 1;
  for (const character of text.slice(0, 17)) {
    sum += USCC.indexOf(character) * weight;
    weight = (weight * 3) % 31;
  }
  if (USCC[(31 - (sum % 31)) % 31] !== text[17]) throw new Fault("uscc_check");
}

function passport(text, countries) {
  if (!/^[A-Z]{3}[A-Z0-9]{5,20}$/.test(text) || !/[0-9]/.test(text.slice(3))) throw new Fault("passport_form");
  if (!countries.includes(text.slice(0, 3))) throw new Fault("passport_country");
}

export const octets = (kind, normal) => new TextEncoder().encode(`${NORMALISATION}|${kind}|${normal}`);

// --- the protocol ---

// RFC 9497 A.1.2, the first test vector: what the vendored code must give before it is trusted with a number.
const KNOWN = {
  input: "00",
  blind: "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706",
  blinded: "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",
  evaluated: "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e",
  proof: "ddef93772692e535d1a53903db24367355cc2cc78de93b3be5a8ffcc6985dd066d4346421d17bf5117a2a1ff0fcb2a759f58a539dfbe857a40bce4cf49ec600d",
  key: "c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e",
  output: "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7da4d8527693914139caee5bd03903af43a491351d23b430948dd50cde10d32b3c",
};
const bytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
const hexadecimal = (found) => [...found].map((byte) => byte.toString(16).padStart(2, "0")).join("");

let loading = null;

export function suite() {
  loading ??= (async () => {
    try {
      const { ristretto255_oprf } = await import(HERE);
      const { voprf } = ristretto255_oprf;
      const item = { input: bytes(KNOWN.input), blind: bytes(KNOWN.blind), evaluated: bytes(KNOWN.evaluated), blinded: bytes(KNOWN.blinded) };
      const [found] = voprf.finalizeBatch([item], bytes(KNOWN.key), bytes(KNOWN.proof));
      if (hexadecimal(found) !== KNOWN.output) throw new Error("known answer");
      return voprf;
    } catch {
      throw new Fault("cannot");
    }
  })();
  return loading;
}

export function b64u(found) {
  return btoa(String.fromCharCode(...found)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export function unb64u(text, length) {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text)) throw new Fault("unreadable");
  const found = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
  if (found.length !== length || b64u(found) !== text) throw new Fault("unreadable");
  return found;
}

// The registry as this page sees it: `keys` and `evaluate` are addresses of the portal.
export class Subjects {
  constructor({ keys, evaluate, csrf, dataSet = "debtor" }) {
    Object.assign(this, { keysAddress: keys, evaluateAddress: evaluate, csrf, dataSet, published: null });
  }

  async keys() {
    if (this.published) return this.published;
    const body = await answer(fetch(this.keysAddress, { headers: { Accept: "application/json" } }));
    const set = body.data_sets?.find((each) => each.data_set === this.dataSet);
    if (set?.suite !== SUITE || set.mode !== MODE || set.normalisation !== NORMALISATION) throw new Fault("other_suite");
    const epochs = set.epochs.filter((epoch) => NEEDED.includes(epoch.state)).sort((a, b) => a.epoch - b.epoch);
    if (!epochs.length || epochs.length > 2) throw new Fault("unreadable");
    for (const epoch of epochs) remember(`${body.registry}/${this.dataSet}/${epoch.epoch}`, epoch.public_key);
    this.published = { epochs, countries: body.countries };
    return this.published;
  }

  // For each {kind, number} its `subject`: a token of each epoch in force. `told(done, all)` as it goes.
  async of(identifiers, told = () => {}) {
    const { epochs, countries } = await this.keys();
    const inputs = identifiers.map(({ kind, number }) => octets(kind, normalise(kind, number, countries)));
    const found = inputs.map(() => []);
    let done = 0;
    for (const epoch of epochs) {
      for (let start = 0; start < inputs.length; start += BATCH) {
        const batch = inputs.slice(start, start + BATCH);
        (await this.evaluate(batch, epoch)).forEach((token, at) => found[start + at].push({ epoch: epoch.epoch, token }));
        done += batch.length;
        told(done, inputs.length * epochs.length);
      }
    }
    return found;
  }

  async evaluate(inputs, epoch) {
    const voprf = await suite();
    const blinded = inputs.map((input) => voprf.blind(input));
    const body = { data_set: this.dataSet, epoch: epoch.epoch, elements: blinded.map((each) => b64u(each.blinded)) };
    const reply = await send(this.evaluateAddress, this.csrf, body);
    if (!Array.isArray(reply.evaluated) || reply.evaluated.length !== inputs.length) throw new Fault("unreadable");
    const items = inputs.map((input, at) => ({ input, ...blinded[at], evaluated: unb64u(reply.evaluated[at], 32) }));
    let outputs;
    try {
      // The proof is checked against the published key, whatever key the reply names, before anything is used.
      outputs = voprf.finalizeBatch(items, unb64u(epoch.public_key, 32), unb64u(reply.proof, 64));
    } catch {
      throw new Fault("proof");
    }
    return outputs.map((output) => b64u(output.slice(0, 32)));
  }
}

// A key once seen stays the key of its epoch: another one would be a key made for this member alone.
function remember(name, key) {
  let held = null;
  try {
    held = localStorage.getItem(`gx-key ${name}`);
    if (held === null) localStorage.setItem(`gx-key ${name}`, key);
  } catch {
    return; // no storage in this browser: nothing to compare with
  }
  if (held !== null && held !== key) throw new Fault("key_changed");
}

// A POST as the page's own forms: JSON, with the form's token. Throws Fault in the registry's words.
export async function send(address, csrf, body) {
  return answer(fetch(address, {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": csrf },
    body: JSON.stringify(body),
  }));
}

async function answer(asked) {
  let response, body;
  try {
    response = await asked;
  } catch {
    throw new Fault("offline");
  }
  if (response.redirected) throw new Fault("signed_out");
  if (response.status === 429 && !(response.headers.get("Content-Type") ?? "").includes("json")) throw new Fault("too_fast");
  try {
    body = await response.json();
  } catch {
    throw new Fault("unreadable");
  }
  if (!response.ok) throw new Fault(body.code ?? "refused", [`${body.zh}。${body.fix_zh ?? ""}`, `${body.en}. ${body.fix_en ?? ""}`]);
  return body;
}
