"""A document as one HTML file: everything inside, nothing fetched."""

import base64
from html import escape

from quanheng.edge.document_charts import svg
from quanheng.edge.documents import Chart, Document, Section, Table, right_aligned, shown

STYLE = """
body { font-family: "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC",
  sans-serif; margin: 2em auto; max-width: 62em; color: #222; font-size: 14px; padding: 0 1em; }
h1 { font-size: 1.5em; margin-bottom: .2em; } h2 { border-bottom: 2px solid #1f5f8b;
  padding-bottom: .2em; margin-top: 2em; } h3 { margin: 1.4em 0 .4em; } small, .en { color: #777;
  font-weight: normal; } table { border-collapse: collapse; margin: .4em 0; font-size: .9em; }
th { background: #eef3f7; text-align: left; vertical-align: bottom; font-weight: 600; }
th span { display: block; font-size: .75em; color: #777; font-weight: normal; }
td, th { padding: .25em .6em; border-bottom: 1px solid #ddd; } td.n, th.n { text-align: right;
  font-variant-numeric: tabular-nums; } tr:hover td { background: #f7f9fb; }
.bad { color: #b3261e; font-weight: 600; } .note { color: #666; font-size: .85em; }
img { max-width: 100%; } dl { display: grid; grid-template-columns: max-content auto;
  gap: .2em 1em; } dt { color: #777; } dd { margin: 0; } .wide { overflow-x: auto; }
"""


def html(document: Document) -> bytes:
    """The file."""
    parts = [
        "<!doctype html>",
        '<html lang="zh-CN"><head><meta charset="utf-8">',
        f"<title>{escape(document.title)}</title><style>{STYLE}</style></head><body>",
        f'<h1>{escape(document.title)}</h1><p class="en">{escape(document.english)}</p><dl>',
        *(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in document.facts),
        "</dl>",
        *map(_section, document.sections),
        *(f"<p>{escape(who)}：____________________</p>" for who in document.signatures),
        *(f'<p class="note">{escape(note)}</p>' for note in document.notes),
        "</body></html>",
    ]
    return "\n".join(parts).encode()


def _section(section: Section) -> str:
    parts = [f"<h2>{escape(section.chapter)}</h2>"] if section.chapter else []
    parts.append(f"<h3>{escape(section.title)} <small>{escape(section.english)}</small></h3>")
    if section.text:
        parts.append(f"<p>{escape(section.text)}</p>")
    for block in section.blocks:
        parts.append(_chart(block) if isinstance(block, Chart) else _table(block))
    return "\n".join(parts)


def _chart(chart: Chart) -> str:
    data = base64.b64encode(svg(chart)).decode()
    return f'<img alt="{escape(chart.title)}" src="data:image/svg+xml;base64,{data}">'


def _table(table: Table) -> str:
    right = right_aligned(table.columns)
    heads = "".join(
        f'<th class="{"n" if far else ""}">{escape(column.words)}'
        f"<span>{escape(column.english)}</span></th>"
        for column, far in zip(table.columns, right, strict=True)
    )
    lines = []
    for row in table.rows:
        cells = []
        for column, far, cell in zip(table.columns, right, row, strict=True):
            marks = [*(["n"] if far else []), *(["bad"] if cell is False else [])]
            cells.append(f'<td class="{" ".join(marks)}">{escape(shown(cell, column.kind))}</td>')
        lines.append(f"<tr>{''.join(cells)}</tr>")
    title = f"<p><b>{escape(table.title)}</b> <small>{escape(table.english)}</small></p>"
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    body = "\n".join(lines)
    return f'{title}<div class="wide"><table><tr>{heads}</tr>{body}</table></div>{note}'
