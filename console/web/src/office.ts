// The office: pages of sheets that the server lays out as data, and what may be done about their rows.
import { dialog, get, note, post, toast, type Reply } from "./commands";
import { add, classes, fill, h, text } from "./dom";
import { figure, whole } from "./format";
import { Grid, type Column } from "./grid";
import { type Page as Shown } from "./pages";
import { store, type Row } from "./store";
import { lang, of, t } from "./words";

interface Field { name: string; kind: string; choices: string[]; value: string; optional: boolean; label: string; }
interface Act { name: string; ask: Field[]; row: boolean; sure: boolean; }
interface Sheet { name: string; columns: { name: string; kind: string; width: number }[]; rows: Row[]; why: [string, string]; acts: Act[]; share: number; }
interface Office { sheets: Sheet[]; note: [string, string]; facts: [string, string, string][]; every: number; tabs: string[]; tab: string; find: boolean; }

const RIGHT = ["count", "figure"];
const GOOD = ["good", "signed", "in_force", "reviewed", "filed", "received", "approved", "same", "staffed", "ran", "active", "explained", "cleared", "passed", "up", "over", "case_closed", "submitted", "designated", "admitted", "primary", "item_evidence", "item_duty", "duty_met", "granted", "agreement", "published"];
const WARN = ["warn", "waiting", "draft", "missing", "due", "blocked", "open", "proposed", "differences", "explaining", "todo", "undecided", "down", "level_amber", "case_alerted", "case_answered", "case_followed", "locked", "human", "item_partly", "near_amber", "applied", "incomplete", "accepted"];
const BAD = ["late", "changed", "failed", "breached", "expired", "differs", "level_red", "lacks_main", "lacks_backup", "case_recorded", "case_noticed", "case_escalated", "item_nothing", "near_red", "near_met", "duty_missed", "cancelled"];
const tint = (code: string) => (GOOD.includes(code) ? "good" : WARN.includes(code) ? "warn" : BAD.includes(code) ? "alarm" : "dim");
const words = (pair: [string, string]) => pair[lang === "en" ? 1 : 0];

/** Ask for what an act needs, then do it in one's own name. */
export function perform(act: Act, fixed: Row, title: string, then: () => void): void {
  const send = async (fields: Row): Promise<Reply> => {
    let reply: Reply;
    try {
      const said = await post(`/api/act/${act.name}`, { fields: { ...fixed, ...fields }, idem: crypto.randomUUID() });
      reply = "status" in said ? said : { ok: false, status: "refused", zh: said.detail ?? "", en: said.detail ?? "", number: 0, detail: {} };
    } catch (error) {
      reply = { ok: false, status: "unreachable", zh: String(error), en: String(error), number: 0, detail: {} };
    }
    return reply;
  };
  const after = (reply: Reply) => {
    toast(reply);
    const once = reply.detail?.show;
    if (once) dialog(t(`act.${act.name}`), (box) => fill(box, h("p", null, lang === "en" ? reply.en : reply.zh), h("pre.proof", { "data-testid": "once" }, String(once)), h("p.dim", null, t("office.once"))));
    if (reply.ok) then();
  };
  if (!act.ask.length && !act.sure) return void send({}).then(after);
  dialog(t(`act.${act.name}`), (box, close) => {
    const inputs = new Map<string, HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement>();
    const said = h("p", { role: "alert" });
    const lines = act.ask.map((one) => {
      const props = { name: one.name, required: !one.optional };
      const input = one.choices.length ? h("select", props, one.choices.map((value) => h("option", { value }, t(`choice.${value}`))))
        : one.kind === "long" ? h("textarea", { ...props, rows: 3 })
        : h("input", { ...props, type: one.kind === "day" ? "date" : "text", inputMode: one.kind === "count" ? "numeric" : "text" });
      if (one.value) input.value = one.value;
      inputs.set(one.name, input);
      return h("label", null, t(`field.${one.label || one.name}`), input);
    });
    const button = h("button.primary", { type: "submit", "data-testid": "do" }, t(act.ask.length ? "office.send" : "app.yes"));
    const submit = async (event: Event) => {
      event.preventDefault();
      button.disabled = true;
      text(said, t("office.busy"));
      classes(said, "dim");
      const reply = await send(Object.fromEntries([...inputs].map(([name, input]) => [name, input.value])));
      button.disabled = false;
      if (reply.ok) { close(); return after(reply); }
      text(said, lang === "en" ? reply.en : reply.zh);
      classes(said, "alarm");
    };
    fill(box, title ? h("p.dim", null, title) : null, h("form.form", { onsubmit: submit, "data-testid": `act-${act.name}` }, lines, h("div.buttons", null, h("button", { type: "button", onclick: close }, t("app.no")), button)), said);
  });
}

/** A note on anything, found again by its words. */
export function remark(about: string, subject: string): void {
  perform({ name: "note.add", ask: [{ name: "words", kind: "long", choices: [], value: "", optional: false, label: "" }], row: true, sure: false }, { about, subject }, subject, () => undefined);
}

function shown(column: { name: string; kind: string }, row: Row): string {
  const value = row[column.name];
  if (column.kind === "state") return value ? t(`standing.${value}`) : "";
  if (value === undefined) return of(row, column.name);
  if (value === null) return "–";
  if (column.kind === "count") return whole(value);
  if (column.kind === "figure") return figure(String(value));
  if (column.kind === "hash") return String(value).slice(0, 16);
  if (column.kind === "files") return (value as string[][]).map(([label]) => label).join(" ");
  return String(value);
}

function links(page: string, row: Row, name: string): HTMLElement {
  return h("span.acts", null, (row[name] as string[][] ?? []).map(([label, file]) => {
    const query = new URLSearchParams({ of: file! });
    const opens = ["pdf", "html", "md", "txt"].includes(label!);
    if (opens) query.set("show", "true");
    return h("a.file", { href: `/api/office/${page}/file?${query}`, ...(opens ? { target: "_blank", rel: "noopener" } : { download: file!.split("/").pop()! }) }, label!);
  }));
}

/** One page of the office. */
export function office(name: string): Shown {
  const bar = h("div.office-bar"), place = h("div.office-sheets");
  const element = h("main.page.office", { "data-testid": `office-${name}` }, bar, place);
  let grids: Grid[] = [], layout = "", tab = "", find = "", timer = 0, over = false, now: Office | null = null;
  const channel = (sheet: string) => `office/${name}/${sheet}`;
  const build = (made: Office) => {
    for (const one of grids) one.destroy();
    grids = [];
    fill(place, made.sheets.map((sheet) => {
      const files = sheet.columns.find((one) => one.kind === "files");
      const columns: Column[] = sheet.columns.filter((one) => one !== files).map((one) => ({
        name: one.name, title: t(`field.${one.name}`), width: one.width, show: (row) => shown(one, row), grow: one.kind === "grow",
        left: !RIGHT.includes(one.kind), hint: one.kind === "hash" || one.kind === "grow", tone: (row) => (one.kind === "state" ? tint(row[one.name]) : one.kind === "hash" ? "dim" : ""),
        sort: RIGHT.includes(one.kind) ? (row) => Number(row[one.name] ?? 0) : undefined,
      }));
      const rowActs = sheet.acts.filter((one) => one.row);
      const noted = sheet.name === "cases" && store.may("note");
      const able = (row: Row) => rowActs.filter((one) => (row.acts as string[] ?? []).includes(one.name));
      const grid = new Grid({
        channel: channel(sheet.name), testid: `sheet-${sheet.name}`, columns, empty: words(sheet.why), rowTone: (row) => row.tone ?? "",
        save: () => `/api/office/${name}/csv?${new URLSearchParams({ sheet: sheet.name, find, of: tab })}`,
        tools: sheet.acts.filter((one) => !one.row).map((one) => h("button.tiny.primary", { "data-act": one.name, onclick: () => perform(one, { of: tab }, "", load) }, t(`act.${one.name}`))),
        act: rowActs.length || files || noted ? (row) => h("span.acts", null, files ? links(name, row, files.name) : null, noted ? h("button.tiny", { title: t("act.note.add"), "data-note": "case", onclick: () => remark("case", String(row.case ?? row.number)) }, t("office.remark")) : null, able(row).map((one) => h("button.tiny", { "data-act": one.name, onclick: (event: Event) => { event.stopPropagation(); perform(one, row.fields ?? {}, row.key, load); } }, t(`act.${one.name}`)))) : undefined,
        actWidth: (files ? files.width : 0) + rowActs.length * 62 + (noted ? 34 : 0),
      });
      grids.push(grid);
      return h("section.panel.fill", { style: { flexGrow: String(sheet.share) } }, h("header", null, h("b", null, t(`sheet.${sheet.name}`))), grid.element);
    }));
  };
  const head = (made: Office) => {
    const search = made.find ? h("form", { onsubmit: (event: Event) => { event.preventDefault(); find = field.value.trim(); void load(); } }) : null;
    const field = h("input.search", { value: find, placeholder: t("office.find"), "aria-label": t("office.find"), "data-testid": "office-find" });
    if (search) add(search, field, h("button.primary", { type: "submit" }, t("office.search")));
    fill(bar, h("b.heading", null, t(`page.${name}`)), made.tabs.length ? h("span.tabs", { role: "tablist" }, made.tabs.map((one) => h("button", { role: "tab", "aria-selected": one === made.tab, className: one === made.tab ? "on" : "", "data-tab": one, onclick: () => { tab = one; void load(); } }, t(`part.${one}`)))) : null,
      search, made.facts.map(([fact, value, tone]) => h("span.fact", null, h("i", null, t(`fact.${fact}`)), h("b", { className: tone }, value))), words(made.note) ? h("span.warn", { role: "note" }, words(made.note)) : null, h("span.gap"), h("button.tiny", { onclick: () => void load(), "data-testid": "again" }, t("office.again")));
  };
  const load = async (itself = false): Promise<void> => {
    window.clearTimeout(timer);
    try {
      const made = await get(`/api/office/${name}?${new URLSearchParams({ find, of: tab })}`, itself) as Office & { zh?: string; en?: string };
      if (over) return;
      if (!made.sheets) note(String((lang === "en" ? made.en : made.zh) ?? ""), "bad");
      else take(made);
    } catch (error) {
      if (!over) note(String(error), "bad");
    }
    if (!over && now?.every) timer = window.setTimeout(() => void load(true), (document.hidden ? 6 : 1) * now.every * 1000);
  };
  const take = (made: Office) => {
    const typing = bar.contains(document.activeElement) && document.activeElement?.tagName === "INPUT";
    now = made;
    tab = made.tab || tab;
    for (const sheet of made.sheets) {
      const rows = store.rows(channel(sheet.name));
      rows.clear();
      for (const row of sheet.rows) rows.set(row.key, row);
      store.touch(channel(sheet.name));
    }
    const key = JSON.stringify([made.tab, lang, made.sheets.map((sheet) => [sheet.name, sheet.columns, sheet.acts, sheet.why])]);
    if (key !== layout) { layout = key; build(made); }
    if (!typing) head(made);
    element.dataset.ready = made.tab || "1";
    store.paint();
  };
  void load();
  return { element, destroy: () => { over = true; window.clearTimeout(timer); for (const one of grids) one.destroy(); } };
}
