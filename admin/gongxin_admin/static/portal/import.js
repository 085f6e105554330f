// Cases from a spreadsheet: read here, numbers blinded here, lines with tokens sent; tried first, stored after 确认.
import { Fault, Subjects, both, normalise, send, suite } from "./tokens.js";
import { clean, day, holdsNumber, read, toCsv } from "./sheet.js";

const HEADERS = {
  creditor_ref: ["借据号", "借据编号", "案件编号", "案件号", "债权编号", "合同号", "合同编号", "贷款合同号", "业务编号", "creditor_ref"],
  id_kind: ["证件类型", "证件种类", "客户证件类型", "id_kind"],
  id_number: ["证件号码", "证件号", "客户证件号码", "客户证件号", "身份证号码", "身份证号", "统一社会信用代码", "id_number"],
  opened_on: ["立案日期", "立案日", "建案日期", "委案日期", "放款日期", "发放日期", "起息日", "借款日期", "opened_on"],
  court_case: ["案号", "法院案号", "court_case"],
  agency: ["受托机构", "催收机构", "委外机构", "agency"],
  mandate_until: ["委托期限", "委托到期日", "委托截止日", "mandate_until"],
};
const KINDS = {
  身份证: "cn_id", 居民身份证: "cn_id", 二代身份证: "cn_id", 护照: "passport", 统一社会信用代码: "uscc", 营业执照: "uscc",
  cn_id: "cn_id", passport: "passport", uscc: "uscc",
};
const LINES = 500;
const SHOWN = 100;
const form = document.getElementById("import"), at = (id) => document.getElementById(id);
const able = typeof BigInt === "function" && typeof crypto?.getRandomValues === "function" && typeof TextDecoder === "function";
const csrf = form.elements.namedItem("csrf_token").value;
const subjects = new Subjects({ ...form.dataset, csrf });
let sheet = null, tried = null;

if (able) {
  document.querySelector("[data-unable]").hidden = true;
  form.hidden = false;
}

at("file").addEventListener("change", async () => {
  begin();
  at("try").classList.add("main");
  const [file] = at("file").files;
  if (!file) return;
  try {
    sheet = await read(file);
  } catch (fault) {
    return wrong(fault);
  }
  for (const select of form.querySelectorAll("[data-column]")) {
    const guess = sheet.header.findIndex((name) => HEADERS[select.dataset.column].includes(name.replace(/\s/g, "")));
    select.replaceChildren(option("", both("（没有）", "(none)")), ...sheet.header.map((name, place) => option(place, name || `${place + 1}`)));
    select.value = guess < 0 ? "" : String(guess);
  }
  at("seen").textContent = both(`读到 ${sheet.rows.length} 行，编码 ${sheet.encoding}。`, `${sheet.rows.length} rows read, ${sheet.encoding}.`);
  at("mapping").hidden = false;
  suite().catch(() => {});
});

at("mapping").addEventListener("change", () => { at("result").hidden = true; });

at("try").addEventListener("click", async () => {
  at("fault").hidden = at("result").hidden = true;
  at("try").disabled = true;
  try {
    const columns = mapped();
    const { countries } = await subjects.keys();
    const [lines, refused] = readRows(columns, countries);
    const numbers = lines.map(({ kind, number }) => ({ kind, number }));
    doing(both("正在生成令牌…", "Making tokens…"));
    const found = await subjects.of(numbers, share);
    // From here on there are tokens only: what is kept to be sent holds no number.
    tried = { columns, refused, lines: lines.map(({ row, sent }, place) => ({ row, sent: { ...sent, subject: found[place] } })) };
    doing(both("正在试算…", "Trying…"));
    report(await sendLines(false), false);
  } catch (fault) {
    wrong(fault);
  } finally {
    at("try").disabled = false;
    at("progress").hidden = true;
  }
});

at("confirm").addEventListener("click", async () => {
  at("confirm").disabled = true;
  at("fault").hidden = true;
  doing(both("正在登记…", "Registering…"));
  try {
    report(await sendLines(true), true);
  } catch (fault) {
    wrong(fault);
  } finally {
    at("confirm").disabled = false;
    at("progress").hidden = true;
  }
});

function begin() {
  [sheet, tried] = [null, null];
  for (const id of ["mapping", "result", "progress", "fault"]) at(id).hidden = true;
}

function option(value, text) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = text;
  return made;
}

function mapped() {
  const columns = {};
  for (const select of form.querySelectorAll("[data-column]")) {
    if (select.value !== "") columns[select.dataset.column] = Number(select.value);
    else if ("needed" in select.dataset) {
      select.focus();
      throw new Fault("unmapped", ["请指明每个必填项对应的列。", "Say which column holds each field that is needed."]);
    }
  }
  if (new Set(Object.values(columns)).size !== Object.values(columns).length) {
    throw new Fault("twice", ["同一列对应了两项；证件号码列不能另作他用。", "One column stands for two fields; that of the number may serve nothing else."]);
  }
  if (!at("prefix").validity.valid) throw new Fault("prefix", ["前缀应为至多 8 个字母或数字。", "The prefix is up to 8 letters or digits."]);
  return columns;
}

// [lines to blind and send, refused rows]: everything that can be told without the registry is told here.
function readRows(columns, countries) {
  const lines = [], refused = [], seen = new Set(), fallback = at("default-kind").value, prefix = at("prefix").value;
  for (const [row, cells] of sheet.rows) {
    const cell = Object.fromEntries(Object.entries(columns).map(([name, place]) => [name, clean(cells[place])]));
    try {
      const sent = { row, creditor_ref: prefix + cell.creditor_ref, opened_on: day(cell.opened_on) };
      if (!cell.creditor_ref) throw new Fault("no_ref", ["缺少编号", "The reference is missing"]);
      if (!sent.opened_on) throw new Fault("bad_date", ["立案日不是日期", "The opening day is no date"]);
      if (cell.court_case) sent.court_case = cell.court_case;
      if (cell.agency) sent.agency = cell.agency;
      if (cell.mandate_until) {
        sent.mandate_until = day(cell.mandate_until);
        if (!sent.mandate_until) throw new Fault("bad_date", ["委托期限不是日期", "The end of the mandate is no date"]);
      }
      // A USCC of an agency is public; an ID number in any other cell must not leave this computer.
      for (const name of ["creditor_ref", "court_case", "agency"]) {
        if (sent[name] && holdsNumber(sent[name])) throw new Fault("number", ["此列含有身份证号码，没有发送；请核对列对应", "The column holds an ID number; it was not sent. Check the mapping"]);
      }
      if (seen.has(sent.creditor_ref)) throw new Fault("repeated", ["文件中编号重复", "The reference stands twice in the file"]);
      const kind = cell.id_kind ? KINDS[cell.id_kind] : fallback;
      if (!kind) throw new Fault("unknown_kind");
      normalise(kind, cell.id_number ?? "", countries);
      seen.add(sent.creditor_ref);
      lines.push({ row, sent, kind, number: cell.id_number });
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      refused.push({ row, ref: holdsNumber(cell.creditor_ref ?? "") ? "—" : cell.creditor_ref, why: fault.message });
    }
  }
  if (!lines.length && !refused.length) throw new Fault("no_rows", ["表头之下没有内容。", "There is nothing below the header."]);
  return [lines, refused];
}

async function sendLines(confirmed) {
  const found = [];
  for (let start = 0; start < tried.lines.length; start += LINES) {
    const lines = tried.lines.slice(start, start + LINES).map(({ sent }) => sent);
    const reply = await send(form.dataset.lines, csrf, { confirmed, lines });
    found.push(...reply.lines);
    share(found.length, tried.lines.length);
  }
  return found;
}

function report(found, confirmed) {
  const refs = new Map(tried.lines.map(({ row, sent }) => [row, sent.creditor_ref]));
  const count = (test) => found.filter(test).length;
  const faults = [...tried.refused];
  for (const line of found) {
    const problem = line.problem ?? line.placement_problem;
    if (!problem) continue;
    const kept = line.placement_problem ? both("（案件登记，未委托）", " (registered, not placed)") : "";
    faults.push({ row: line.row, ref: refs.get(line.row), why: both(`${problem.zh}。${problem.fix_zh ?? ""}${kept}`, `${problem.en}. ${problem.fix_en ?? ""}${kept}`) });
  }
  faults.sort((a, b) => a.row - b.row);
  const [created, exists, placed] = [count((l) => l.status === "created"), count((l) => l.status === "exists"), count((l) => l.placed)];
  const refused = count((l) => l.status === "refused") + tried.refused.length;
  at("result-title").textContent = confirmed ? both("已登记", "Registered") : both("三、核对后确认", "3. Check, then confirm");
  at("summary").textContent = confirmed
    ? both(`登记 ${created} 件，委托 ${placed} 件；先前已有 ${exists} 件；未登记 ${refused} 行。`, `${created} registered, ${placed} placed; ${exists} were there already; ${refused} rows not registered.`)
    : both(`可登记 ${created} 件，其中同时委托 ${placed} 件；先前已有 ${exists} 件；有误 ${refused} 行。尚未登记。`, `${created} can be registered, ${placed} of them placed; ${exists} are there already; ${refused} rows are wrong. Nothing is stored yet.`);
  at("confirm").hidden = confirmed || created === 0;
  at("try").classList.toggle("main", at("confirm").hidden); // one filled button a page
  at("list").hidden = !confirmed;
  showFaults(faults);
  at("result").hidden = false;
  at("result-title").focus();
}

function showFaults(faults) {
  at("faults").hidden = at("bad").hidden = !faults.length;
  at("faults").querySelector("tbody").replaceChildren(...faults.slice(0, SHOWN).map(({ row, ref, why }) => {
    const line = document.createElement("tr");
    for (const text of [row, ref, why]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      line.append(cell);
    }
    return line;
  }));
  if (!faults.length) return;
  // Made here and saved here: the rows as they stand in the file, with the reason in a column of its own.
  const reasons = new Map(faults.map(({ row, why }) => [row, why]));
  const rows = sheet.rows.filter(([row]) => reasons.has(row)).map(([row, cells]) => [...cells, row, reasons.get(row)]);
  const csv = toCsv([[...sheet.header, both("原行号", "row"), both("原因", "reason")], ...rows]);
  if (at("bad").href) URL.revokeObjectURL(at("bad").href);
  at("bad").href = URL.createObjectURL(new Blob([csv], { type: "text/csv" }));
  at("bad").download = both("有误的行.csv", "refused-rows.csv");
}

function doing(text) {
  at("progress").hidden = false;
  at("doing").textContent = text;
  share(0, 1);
}

function share(done, all) {
  at("bar").max = all || 1;
  at("bar").value = done;
}

function wrong(fault) {
  at("progress").hidden = true;
  at("fault").textContent = both("错误：", "Error: ") + (fault instanceof Fault ? fault.message : both("页面出错，请重新载入。", "The page failed: reload it."));
  at("fault").hidden = false;
  at("fault").focus();
  if (!(fault instanceof Fault)) throw fault;
}
