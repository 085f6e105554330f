// A spreadsheet's CSV, read in the browser: its encoding found strictly, rows numbered as the spreadsheet numbers them.
"use strict";
import { Fault, fold } from "./tokens.js";

const WORDS = {
  bad_encoding: ["文件既不是完整的 UTF-8 也不是 GB18030；请另存为 CSV 后重试。", "The file is neither whole UTF-8 nor whole GB18030: save it as CSV anew."],
  utf16: ["文件是 UTF-16；请另存为“CSV UTF-8”。", "The file is UTF-16: save it as CSV UTF-8."],
  not_text: ["这不是 CSV 文件；请在表格软件中另存为 CSV。", "This is no CSV file: save it as CSV in your spreadsheet."],
  bad_csv: ["引号不配对；请在表格软件中另存为 CSV 后重试。", "Quotes do not match: save it as CSV anew."],
  no_header: ["文件没有内容；第一行应为列名。", "The file is empty: its first row names the columns."],
  too_large: ["文件超过 100 MB；请分成几个文件，或改用 gongxin-member import。", "The file is over 100 MB: split it, or use gongxin-member import."],
};
const LARGEST = 100 * 1024 * 1024;

export function decode(buffer) {
  const head = new Uint8Array(buffer, 0, Math.min(4, buffer.byteLength));
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)) throw new Fault("utf16", WORDS.utf16);
  if (head[0] === 0x50 && head[1] === 0x4b) throw new Fault("not_text", WORDS.not_text); // a zip: .xlsx under another name
  for (const encoding of ["utf-8", "gb18030"]) {
    try {
      const text = new TextDecoder(encoding, { fatal: true }).decode(buffer);
      if (text.includes("\0")) throw new Fault("not_text", WORDS.not_text);
      return [text, encoding];
    } catch (fault) {
      if (fault instanceof Fault) throw fault;
    }
  }
  throw new Fault("bad_encoding", WORDS.bad_encoding);
}

// RFC 4180, with ; or tab where the first row has more of them. [[row number, cells], …]; blank rows are left out.
export function parse(text) {
  const first = text.slice(0, (text.indexOf("\n") + 1 || text.length + 1) - 1);
  const count = (mark) => first.split(mark).length;
  const mark = [",", "\t", ";", "|"].reduce((best, each) => (count(each) > count(best) ? each : best));
  const rows = [];
  let cells = [], cell = "", quoted = false, was = false, number = 1;
  const end = () => {
    cells.push(cell);
    if (cells.some((each) => each.trim())) rows.push([number, cells]);
    number += 1;
    [cells, cell, was] = [[], "", false];
  };
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (quoted) {
      if (character !== '"') cell += character;
      else if (text[at + 1] === '"') { cell += '"'; at += 1; }
      else quoted = false;
    } else if (character === '"' && cell === "" && !was) quoted = was = true;
    else if (character === mark) { cells.push(cell); [cell, was] = ["", false]; }
    else if (character === "\n") end();
    else if (character === "\r" && text[at + 1] === "\n") continue;
    else if (was) throw new Fault("bad_csv", WORDS.bad_csv);
    else cell += character;
  }
  if (quoted) throw new Fault("bad_csv", WORDS.bad_csv);
  if (cell !== "" || cells.length) end();
  if (!rows.length || rows[0][0] !== 1) throw new Fault("no_header", WORDS.no_header);
  return rows;
}

export async function read(file) {
  if (file.size > LARGEST) throw new Fault("too_large", WORDS.too_large);
  const [text, encoding] = decode(await file.arrayBuffer());
  const [[, header], ...rows] = parse(text.startsWith("\ufeff") ? text.slice(1) : text);
  return { encoding, header: header.map((name) => name.trim()), rows };
}

// Half width, nothing invisible around, none of what keeps a spreadsheet from reading a number: an apostrophe, ="…".
export function clean(cell) {
  const half = [...(cell ?? "")].map((character) => {
    const code = character.codePointAt(0);
    return code >= 0xff01 && code <= 0xff5e ? String.fromCharCode(code - 0xfee0) : code === 0x3000 ? " " : character;
  }).join("");
  const around = (text) => text.replace(/^[\s\u2000-\u200f\u202a-\u202f\u2060\ufeff]+|[\s\u2000-\u200f\u202a-\u202f\u2060\ufeff]+$/gu, "");
  const plain = around(around(half).replace(/^['`]+/, ""));
  return /^=".+"$/.test(plain) ? around(plain.slice(2, -1)) : plain;
}

// YYYY-MM-DD, or null: 2025-03-04, 2025/3/4, 2025.3.4, 20250304 or 2025年3月4日.
export function day(text) {
  const plain = clean(text).replace(/\s+0?0:00(:00)?$/, "").replace(/\s/g, "");
  const found = /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})$/.exec(plain) ?? /^(\d{4})()(\d{2})(\d{2})$/.exec(plain) ?? /^(\d{4})(年)(\d{1,2})月(\d{1,2})日$/.exec(plain);
  if (!found) return null;
  const value = `${found[1]}-${found[3].padStart(2, "0")}-${found[4].padStart(2, "0")}`;
  const made = new Date(`${value}T00:00:00Z`);
  return Number.isNaN(made.getTime()) || made.toISOString().slice(0, 10) !== value ? null : value;
}

// Whether a text holds an ID number, in whatever width and with whatever between its digits: it must not be sent.
export function holdsNumber(text) {
  const folded = fold(text);
  for (let at = 0; at + 18 <= folded.length; at += 1) {
    const part = folded.slice(at, at + 18);
    if (/^[1-9][0-9]{16}[0-9X]$/.test(part) && between(Number(part.slice(6, 10)), 1850, 2100) && between(Number(part.slice(10, 12)), 1, 12) && between(Number(part.slice(12, 14)), 1, 31)) return true;
  }
  return false;
}
const between = (number, first, last) => number >= first && number <= last;

// No cell that a spreadsheet would take for a formula.
export const safeCell = (text) => (/^[=+\-@\t\r\n]/.test(text) && !/^-?[0-9.]+$/.test(text) ? `'${text}` : text);

export function toCsv(rows) {
  const cell = (text) => {
    const safe = safeCell(String(text ?? ""));
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return "\ufeff" + rows.map((cells) => cells.map(cell).join(",")).join("\r\n") + "\r\n";
}
