"""The numbers a Chinese and an English text state, so that a machine can say whether they are the same ones.

Read are Arabic numbers, percentages, dates, and numerals in words where they count something (三十日, thirty days). A
numeral that counts nothing (第三方, 任何一方, either party) is no number. Pure.
"""

import re
import unicodedata
from collections import Counter
from fractions import Fraction

Numbers = Counter[tuple[str, str]]

_SAME = ("零〇", "一壹", "二贰两", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")
_DIGITS = {character: digit for digit, characters in enumerate(_SAME) for character in characters}
_TENS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_MYRIADS = {"万": 10**4, "亿": 10**8}
_HAN = "".join([*_DIGITS, *_TENS, *_MYRIADS])
_COUNTED = "个日天月年周小时分钟次人名份元倍期手项款条"
_ZH = re.compile(
    r"(?P<date>\d{4}年\d{1,2}月\d{1,2}日|\d{4}-\d{2}-\d{2})"
    rf"|百分之(?P<han_percent>[{_HAN}]+(?:点[{_HAN}]+)?|\d+(?:\.\d+)?)"
    r"|(?P<percent>\d+(?:\.\d+)?)\s*%"
    r"|(?P<number>\d[\d,]*(?:\.\d+)?)(?P<unit>[万亿]?)"
    rf"|(?<![统唯单同任之其逐第])(?P<han>[{_HAN}]+)(?=工作日|[{_COUNTED}])"
    rf"|第(?P<ordinal>[{_HAN}]+)(?![方人{_HAN}])"
)
_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENFOLD = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS = {word: n for n, word in enumerate(_UNITS)} | {word: 10 * n for n, word in enumerate(_TENFOLD, 2)}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_PLACES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_ORDINALS = {word: n for n, word in enumerate(_PLACES, 1)}
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_WORD = "|".join(sorted([*_WORDS, *_SCALES], key=len, reverse=True))
_THINGS = (
    r"(?:(?:working|calendar|business|natural)\s+)?(?:days?|months?|years?|weeks?|hours?|minutes?|times?|people|persons?"
    r"|officers?|agents?|copies|copy|originals?|yuan|fen|placements?|items?|clauses?|articles?|instalments?|audits?)\b"
)
_EN = re.compile(
    rf"(?P<date>\d{{1,2}}\s+(?:{'|'.join(_MONTHS)})\s+\d{{4}}|\d{{4}}-\d{{2}}-\d{{2}})"
    r"|(?P<percent>\d+(?:\.\d+)?)\s*(?:%|per\s*cent)"
    rf"|\b(?P<word_percent>(?:{_WORD})(?:[\s-]+(?:{_WORD}))*)\s+per\s*cent"
    r"|(?P<number>\d[\d,]*(?:\.\d+)?)(?:\s+(?P<unit>thousand|million|billion))?"
    rf"|\b(?P<word>(?:{_WORD})(?:[\s-]+(?:{_WORD}))*)\s+(?={_THINGS})"
    rf"|\b(?P<ordinal>{'|'.join(_ORDINALS)})\s+(?={_THINGS})",
    re.IGNORECASE,
)


def chinese(text: str) -> Numbers:
    """Of a Chinese text."""
    found: Numbers = Counter()
    for hit in _ZH.finditer(unicodedata.normalize("NFKC", text)):
        kind = str(hit.lastgroup) if hit.lastgroup != "unit" else "number"
        if kind == "date":
            found["date", "-".join(f"{int(part):02d}" for part in re.findall(r"\d+", hit["date"]))] += 1
        elif kind in ("percent", "han_percent"):
            found["percent", _plain(_decimal(hit[kind]))] += 1
        elif kind == "number":
            found["number", _plain(Fraction(hit["number"].replace(",", "")) * _MYRIADS.get(hit["unit"], 1))] += 1
        else:
            found["number", _plain(_decimal(hit[kind]))] += 1
    return found


def english(text: str) -> Numbers:
    """Of an English text."""
    found: Numbers = Counter()
    for hit in _EN.finditer(unicodedata.normalize("NFKC", text)):
        kind = str(hit.lastgroup) if hit.lastgroup != "unit" else "number"
        if kind == "date":
            found["date", _english_date(hit["date"])] += 1
        elif kind == "percent":
            found["percent", _plain(Fraction(hit["percent"]))] += 1
        elif kind == "word_percent":
            found["percent", str(_spelt(hit["word_percent"]))] += 1
        elif kind == "number":
            scale = _SCALES[hit["unit"].lower()] if hit["unit"] else 1
            found["number", _plain(Fraction(hit["number"].replace(",", "")) * scale)] += 1
        elif kind == "ordinal":
            found["number", str(_ORDINALS[hit["ordinal"].lower()])] += 1
        else:
            found["number", str(_spelt(hit["word"]))] += 1
    return found


def differ(zh: str, en: str) -> tuple[list[str], list[str]]:
    """(only in Chinese, only in English), as texts a person can look for."""
    first, second = chinese(zh), english(en)
    return _listed(first - second), _listed(second - first)


def han(text: str) -> int:
    """三十二 → 32, 一万零五 → 10005, 二〇二六 → 2026."""
    if not any(c in _TENS or c in _MYRIADS for c in text):
        return int("".join(str(_DIGITS[c]) for c in text))
    total = section = digit = 0
    for c in text:
        if c in _DIGITS:
            digit = _DIGITS[c]
        elif c in _TENS:
            section += (digit or 1) * _TENS[c]
            digit = 0
        else:
            total = (total + section + digit or 1) * _MYRIADS[c]
            section = digit = 0
    return total + section + digit


def _decimal(text: str) -> Fraction:
    if text[0].isdigit() and text[0].isascii():
        return Fraction(text)
    whole, _, fraction = text.partition("点")
    return Fraction(f"{han(whole)}.{''.join(str(_DIGITS[c]) for c in fraction if c in _DIGITS) or 0}")


def _spelt(text: str) -> int:
    total = part = 0
    for word in re.split(r"[\s-]+", text.lower()):
        if word == "hundred":
            part = (part or 1) * 100
        elif word in _SCALES:
            total, part = total + (part or 1) * _SCALES[word], 0
        else:
            part += _WORDS[word]
    return total + part


def _english_date(text: str) -> str:
    if text[4] == "-":
        return text
    day, month, year = text.split()
    return f"{year}-{_MONTHS.index(month.capitalize()) + 1:02d}-{int(day):02d}"


def _plain(number: Fraction) -> str:
    return str(number.numerator) if number.denominator == 1 else f"{number.numerator / number.denominator:.12g}"


def _listed(numbers: Numbers) -> list[str]:
    return sorted(f"{value}%" if kind == "percent" else value for kind, value in numbers.elements())
