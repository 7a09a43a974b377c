// Many settings at once: pasted from a spreadsheet or taken to one, compared with what is in force, sent one by one.
import { command, dialog, get } from "./commands";
import { classes, fill, h, text } from "./dom";
import { store, type Row } from "./store";
import { lang, t } from "./words";

interface Line { scope: string; name: string; value: number; seen: string; wrong: string; alone: boolean; said: string; ok: boolean; }
const MOST = 500;
const WHOLE = /^-?\d+$/;

/** Lines of a spreadsheet's cells: scope, setting, value, apart by tabs, commas or semicolons; a heading is left out. */
export function parse(pasted: string): Line[] {
  const lines = pasted.split(/\r?\n/).map((one) => one.split(/[\t,;]/).map((cell) => cell.trim())).filter((one) => one.some((cell) => cell));
  const body = lines.length && lines[0]!.length >= 3 && !WHOLE.test(lines[0]![2]!.replaceAll(" ", "")) ? lines.slice(1) : lines;
  return body.slice(0, MOST).map(([scope = "", name = "", value = ""]) => ({ scope, name, value: Number(value), seen: "", alone: false, said: "", ok: false, wrong: !scope || !name || !value ? t("bulk.short") : !WHOLE.test(value) ? t("bulk.whole", value) : "" }));
}

export function bulk(klass: number): void {
  dialog(t("bulk.title"), (box, close) => {
    const settings = store.rows("settings");
    const area = h("textarea.bulk", { rows: 8, spellcheck: false, "aria-label": t("bulk.paste"), "data-testid": "bulk-text", placeholder: t("bulk.paste") });
    const table = h("div.bulk-diff", { "data-testid": "bulk-diff" }), said = h("p", { role: "status" });
    let lines: Line[] = [];
    const show = () => {
      const rows = lines.map((one) => h("tr", { className: one.wrong ? "alarm" : "" }, h("td.left", null, one.scope), h("td.left", null, settings.has(one.name) ? `${t(`setting.${one.name}`)} ${one.name}` : one.name), h("td", null, h("del", null, one.seen)), h("td", null, one.wrong ? "" : h("ins", null, String(one.value))), h("td.left", { className: one.wrong ? "" : one.alone ? "good" : "warn" }, one.wrong || (one.seen === String(one.value) ? t("bulk.same") : t(one.alone ? "param.one" : "param.two"))), h("td.left", { className: one.ok ? "good" : "warn" }, one.said)));
      fill(table, lines.length ? h("table.big", null, h("thead", null, h("tr", null, ["scope", "name", "now", "value"].map((one) => h("th.left", null, t(`param.${one}`))), h("th.left", null, t("bulk.needs")), h("th.left", null, t("bulk.became")))), h("tbody", null, rows)) : null);
      send.disabled = !lines.some((one) => !one.wrong && one.seen !== String(one.value) && !one.said);
    };
    const compare = async () => {
      lines = parse(area.value);
      text(said, t("office.busy"));
      for (const one of lines.filter((line) => !line.wrong)) {
        const row = settings.get(one.name);
        if (!row) { one.wrong = t("bulk.unknown"); continue; }
        const found = await get(`/api/value?${new URLSearchParams({ of: one.scope, name: one.name })}`) as Row;
        if (found.value === undefined) { one.wrong = String((lang === "en" ? found.en : found.zh) ?? t("bulk.unknown")); continue; }
        one.seen = found.value;
        one.alone = !row.limit && one.value >= row.alone_low && one.value <= row.alone_high;
      }
      text(said, t("bulk.found", lines.length, lines.filter((one) => one.wrong).length));
      show();
    };
    const take = () => {
      const item = store.schema.classes[klass]!;
      area.value = [["scope", "name", "value"], ...[...settings].map(([name, row]) => [item.code, name, String((row.set as Record<string, number>)[item.code] ?? (row.set as Record<string, number>)["*"] ?? row.default)])].map((one) => one.join("\t")).join("\n");
      area.select();
      lines = [];
      show();
    };
    const go = async () => {
      send.disabled = true;
      for (const one of lines) {
        if (one.wrong || one.said || one.seen === String(one.value)) continue;
        const reply = await command("parameter", { scope: one.scope, name: one.name, value: one.value }, one.seen);
        one.ok = reply.ok;
        one.said = `${reply.number ? `#${reply.number} ` : ""}${lang === "en" ? reply.en : reply.zh}`;
        show();
        if (reply.status === "closed") break;
      }
      text(said, t("bulk.sent", lines.filter((one) => one.ok).length));
      classes(said, "good");
    };
    const send = h("button.primary", { disabled: true, "data-testid": "bulk-send", onclick: () => void go() }, t("bulk.send"));
    fill(box, h("p.dim", null, t("bulk.hint")), area, h("div.buttons", null, h("button", { onclick: take, "data-testid": "bulk-take" }, t("bulk.take")), h("button", { onclick: () => void compare(), "data-testid": "bulk-compare" }, t("bulk.compare")), send, h("button", { onclick: close }, t("app.close"))), said, table);
  });
}
