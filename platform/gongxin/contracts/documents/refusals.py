"""Why an upload is not compared: each with its code, in both languages, and what to do."""

from collections.abc import Callable
from typing import Final

from gongxin.errors import Invalid

MAX_PARTS: Final = 200
MAX_ALL_BYTES: Final = 32 * 1024 * 1024

_BY_CODE: Final[dict[str, Callable[[], Invalid]]] = {
    "not_a_document": lambda: Invalid(
        "not_a_document",
        zh="文件不是可读的 DOCX 或 PDF",
        en="The file is no DOCX or PDF that can be read",
        fix_zh="提交未加密、未损坏的 DOCX 或 PDF。",
        fix_en="Send a DOCX or PDF that is neither encrypted nor damaged.",
    ),
    "document_too_large": lambda: Invalid(
        "document_too_large",
        zh="文件解压后过大",
        en="The document is too large once unpacked",
        fix_zh=f"解压后至多 {MAX_ALL_BYTES} 字节、{MAX_PARTS} 个部件。",
        fix_en=f"At most {MAX_ALL_BYTES} bytes and {MAX_PARTS} parts once unpacked.",
    ),
    "document_active": lambda: Invalid(
        "document_active",
        zh="文件中含有宏、嵌入对象或脚本",
        en="The document carries macros, embedded objects or scripts",
        fix_zh="另存为不含宏与嵌入内容的文件后提交。",
        fix_en="Save it without macros and embedded content and send that.",
    ),
    "document_links": lambda: Invalid(
        "document_links",
        zh="文件中含有外部链接",
        en="The document carries links to something outside",
        fix_zh="取消全部超链接、外部模板与外部图片后提交。",
        fix_en="Remove every hyperlink, outside template and outside picture.",
    ),
    "document_template": lambda: Invalid(
        "document_template",
        zh="文件中含有模板表达式",
        en="The document carries a template expression",
        fix_zh="提交由登记处生成并签署的文件，不要提交模板。",
        fix_en="Send the document that the registry made and you signed, no template.",
    ),
    "document_entities": lambda: Invalid(
        "document_entities",
        zh="文件中含有 DTD 或实体",
        en="The document carries a DTD or entities",
        fix_zh="用文字处理软件另存为 DOCX 后提交。",
        fix_en="Save it as DOCX with a word processor and send that.",
    ),
    "document_without_text": lambda: Invalid(
        "document_without_text",
        zh="文件只有图像，没有文字",
        en="The document is a picture without text",
        fix_zh="扫描件请登记为证据后以 scans 关联；比对须用含文字的文件。",
        fix_en="Register a scan as evidence and link it under scans; a comparison needs a document with text.",
    ),
}


def of(code: str) -> Invalid:
    """The refusal of this code."""
    return _BY_CODE[code]()
