"""A synthetic small province, the same from the same seed: institutions, people who do not exist, and what three banks'
core systems export. The exports are as exports are: GB18030, headers that differ by bank, full-width characters, dates
in three styles, and a few lines that cannot be right."""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from gongxin_wire.identifiers import synthetic_cn_id, synthetic_uscc

ENCODING = "gb18030"
FAULTS = ("bad_check_digit", "missing_number", "duplicate_reference", "impossible_date", "bank_card_reference")

# Spreads consecutive people over the synthetic numbers: odd and not a multiple of 5, so that no two meet below 10^8.
_SPREAD, _PEOPLE = 15_485_863, 10**8
_FULL_WIDTH = str.maketrans("0123456789X-/", "０１２３４５６７８９Ｘ－／")
_FIRST_DAY, _DAYS = date(2024, 1, 2), 600


@dataclass(frozen=True, slots=True)
class Institution:
    """A member to be; `slug` names its folder and its part in the day."""

    slug: str
    kind: str
    name_zh: str
    name_en: str
    uscc: str
    court_code: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """How one bank's core system exports a case; `dates` are the three styles it mixes, its own first; `mapped`:
    whether its headers are so unusual that an import needs a mapping file."""

    bank: str
    share: int
    file_name: str
    reference: str
    columns: dict[str, str]
    dates: tuple[str, str, str]
    mapped: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """One case as the bank knows it. `id_number` is the only thing that names a person and stays out of `repr`."""

    creditor_ref: str
    id_number: str = field(repr=False)
    opened_on: str
    court_case: str = ""
    product: str = ""
    days_overdue: int = 0
    balance_yuan: str = ""
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """Who the day is about: a debtor of all three banks, and somebody else for the stranger's own case."""

    day: int
    debtor: str = field(repr=False)
    bystander: str = field(repr=False)
    references: dict[str, str]
    bystander_reference: str
    court_case: str
    bankruptcy_case: str


INSTITUTIONS = (
    Institution("association", "association", "示例省催收行业协会", "Demo Province Association",
                synthetic_uscc(1, "51")),
    Institution("yunshan", "bank", "云杉示例银行", "Spruce Demo Bank", synthetic_uscc(11)),
    Institution("baifan", "bank", "白帆示例银行", "White Sail Demo Bank", synthetic_uscc(12)),
    Institution("shiqiao", "bank", "石桥示例银行", "Stone Bridge Demo Bank", synthetic_uscc(13)),
    Institution("court-1", "court", "示例县人民法院", "Demo County Court", synthetic_uscc(21, "11"), "沪9901"),
    Institution("court-2", "court", "示例市破产法庭", "Demo City Bankruptcy Court", synthetic_uscc(22, "11"), "沪9902"),
    Institution("chenyu", "agency", "晨雨示例机构", "Morning Rain Demo Agency", synthetic_uscc(31)),
    Institution("zhulin", "agency", "竹林示例机构", "Bamboo Demo Agency", synthetic_uscc(32)),
    Institution("haitang", "agency", "海棠示例机构", "Crabapple Demo Agency", synthetic_uscc(33)),
    Institution("yuanlu", "agency", "远路示例机构", "Long Road Demo Agency", synthetic_uscc(34)),
    Institution("mediator", "mediator", "示例省金融调解中心", "Demo Mediation Centre", synthetic_uscc(41, "52")),
    Institution("regulator", "regulator", "示例省金融监管局", "Demo Financial Regulator", synthetic_uscc(51, "11")),
)  # fmt: skip

LAYOUTS = (
    Layout(
        "yunshan", 44, "云杉示例银行_不良台账.csv", "JJ2025-{:06d}",
        {"creditor_ref": "借据号", "id_number": "证件号码", "opened_on": "委案日期", "court_case": "案号",
         "product": "产品名称", "days_overdue": "逾期天数", "balance_yuan": "逾期本金"},
        ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d"), mapped=False,
    ),
    Layout(
        "baifan", 34, "白帆示例银行_委外清单.csv", "HT/25/{:06d}",
        {"opened_on": "移交日", "creditor_ref": "合同编号", "product": "业务品种", "id_number": "客户身份证号",
         "balance_yuan": "欠款余额", "court_case": "法院案号", "days_overdue": "逾期期数"},
        ("%Y/%m/%d", "%Y年%m月%d日", "%Y-%m-%d"),
    ),
    Layout(
        "shiqiao", 22, "石桥示例银行_资产保全.csv", "ZQ{:08d}",
        {"product": "产品", "creditor_ref": "债权流水号", "id_number": "债务人证件", "opened_on": "起始日",
         "court_case": "诉讼案号", "days_overdue": "拖欠天数", "balance_yuan": "剩余本金"},
        ("%Y%m%d", "%Y-%m-%d", "%Y年%m月%d日"),
    ),
)  # fmt: skip
_CASE_COLUMNS = ("creditor_ref", "id_number", "opened_on", "court_case")
_PRODUCTS = ("个人消费贷款", "信用卡", "住房按揭贷款", "个人经营性贷款", "汽车分期")


def person(number: int) -> str:
    """The ID number of the n-th inhabitant."""
    return synthetic_cn_id(number * _SPREAD % _PEOPLE)


def cast(day: int) -> Cast:
    """The people of the n-th day: new ones each day, so that a day can be played again on the data of the last."""
    return Cast(
        day=day,
        debtor=synthetic_cn_id(_PEOPLE + day * 2),
        bystander=synthetic_cn_id(_PEOPLE + day * 2 + 1),
        references={layout.bank: layout.reference.format(900_000 + day * 10) for layout in LAYOUTS},
        bystander_reference=LAYOUTS[2].reference.format(900_000 + day * 10 + 1),
        court_case=f"（2025）沪9901民初{1000 + day}号",
        bankruptcy_case=f"（2025）沪9902破{1000 + day}号",
    )


@dataclass(frozen=True, slots=True)
class Export:
    """One bank's file: what is right in it and what is not."""

    layout: Layout
    rows: tuple[Row, ...]

    @property
    def faulty(self) -> list[tuple[int, str]]:
        """(line of the file, which fault); the header is line 1."""
        return [(line, row.fault) for line, row in enumerate(self.rows, 2) if row.fault is not None]

    def write(self, folder: Path) -> Path:
        """The file itself, CRLF at line ends as core systems write them."""
        path = folder / self.layout.file_name
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding=ENCODING, newline="") as file:
            writer = csv.writer(file)
            writer.writerow(self.layout.columns.values())
            writer.writerows([getattr(row, name) for name in self.layout.columns] for row in self.rows)
        if self.layout.mapped:
            named = (f'{name} = "{self.layout.columns[name]}"' for name in _CASE_COLUMNS)
            self.mapping_path(path).write_text("\n".join(["[columns]", *named, ""]), encoding="utf-8")
        return path

    @staticmethod
    def mapping_path(path: Path) -> Path:
        """Beside the file: which of its headers holds which field."""
        return path.with_suffix(".toml")


def exports(cases: int = 5000, day: int = 1, seed: int = 9901) -> list[Export]:
    """What each bank exports on this day: `cases` lines together, faulty ones included, the day's cast among them.
    Lines of the seed are the same on every day."""
    if cases < 60:
        raise ValueError("a province has at least 60 cases")
    sizes = [cases * layout.share // 100 for layout in LAYOUTS[:-1]]
    sizes.append(cases - sum(sizes))
    found: list[Export] = []
    first, before = 0, 0
    for number, (layout, size) in enumerate(zip(LAYOUTS, sizes, strict=True)):
        # Every seventh of a bank's debtors is one of the bank before.
        people = [person(before + i if number and i % 7 == 3 * (number - 1) else first + i) for i in range(size)]
        rows = list(_rows(layout, people, random.Random(f"{seed}|{layout.bank}"), cast(day)))
        found.append(Export(layout, tuple(rows)))
        first, before = first + size, first
    return found


def _rows(layout: Layout, people: list[str], rng: random.Random, day: Cast) -> Iterator[Row]:
    """Ordinary lines, five faulty ones among them, and the cast's lines at the end."""
    of_cast = list(_cast_rows(layout, day))
    ordinary = len(people) - len(of_cast)
    faults = dict(zip(sorted(rng.sample(range(5, ordinary), len(FAULTS))), FAULTS, strict=True))
    for index in range(ordinary):
        row = _row(layout, index, people[index], rng)
        fault = faults.get(index)
        yield row if fault is None else _spoil(row, fault, layout)
    yield from of_cast


def _row(layout: Layout, index: int, id_number: str, rng: random.Random) -> Row:
    opened = _FIRST_DAY + timedelta(days=rng.randrange(_DAYS))
    in_court = rng.random() < 0.06
    return Row(
        creditor_ref=layout.reference.format(index + 1),
        id_number=_as_typed(id_number, rng),
        opened_on=opened.strftime(rng.choices(layout.dates, (90, 6, 4))[0]),
        court_case=_case_number(opened.year, index + 1, rng) if in_court else "",
        product=rng.choice(_PRODUCTS),
        days_overdue=rng.randrange(31, 900),
        balance_yuan=f"{rng.randrange(800, 400_000)}.{rng.randrange(100):02d}",
    )


def _as_typed(id_number: str, rng: random.Random) -> str:
    """As clerks type it: mostly plain, sometimes full width, a small x, or in groups."""
    style = rng.random()
    if style < 0.08:
        return id_number.translate(_FULL_WIDTH)
    if style < 0.11:
        return f"{id_number[:6]} {id_number[6:14]} {id_number[14:]}"
    return id_number.lower() if style < 0.30 else id_number


def _case_number(year: int, sequence: int, rng: random.Random) -> str:
    opening, closing = rng.choice((("（", "）"), ("(", ")"), ("〔", "〕")))
    return f"{opening}{year}{closing}沪9901民初{20_000 + sequence}号"


def _cast_rows(layout: Layout, people: Cast) -> Iterator[Row]:
    if layout.bank == "shiqiao":
        yield Row(people.bystander_reference, people.bystander, "20250512", product="信用卡", days_overdue=95,
                  balance_yuan="8300.00")  # fmt: skip
    yield Row(people.references[layout.bank], people.debtor, date(2025, 6, 18).strftime(layout.dates[0]),
              product="个人消费贷款", days_overdue=140, balance_yuan="52000.00")  # fmt: skip


def _spoil(row: Row, fault: str, layout: Layout) -> Row:
    values = {name: getattr(row, name) for name in Row.__dataclass_fields__} | {"fault": fault}
    if fault == "bad_check_digit":
        plain = synthetic_cn_id(int(row.creditor_ref[-6:]))
        values["id_number"] = plain[:17] + ("0" if plain[17] != "0" else "1")
    elif fault == "missing_number":
        values["id_number"] = ""
    elif fault == "duplicate_reference":
        values["creditor_ref"] = layout.reference.format(1)
    elif fault == "impossible_date":
        values["opened_on"] = {"%Y-%m-%d": "2025-02-30", "%Y/%m/%d": "2025/13/07", "%Y%m%d": "20250431"}[
            layout.dates[0]
        ]
    else:
        values["creditor_ref"] = _card_like(int(row.creditor_ref[-6:]))
    return Row(**values)


def _card_like(number: int) -> str:
    """Sixteen digits with a bank card's check digit, of an issuer that no card has (99…)."""
    body = f"9999{number:011d}"
    total = 0
    for position, digit in enumerate(reversed(body)):
        value = int(digit)
        if position % 2 == 0:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return body + str(-total % 10)


def id_numbers(found: list[Export]) -> set[str]:
    """Every ID number in the files, in its normal form: what the registry must never see."""
    from gongxin_wire.identifiers import IdentifierError, normalise

    numbers = set()
    for export in found:
        for row in export.rows:
            try:
                numbers.add(normalise("cn_id", row.id_number).text)
            except IdentifierError:
                continue
    return numbers
