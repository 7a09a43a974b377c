// The pages: each says what it follows, builds itself, and can be taken down again.
import { TBoard, type Picked } from "./board";
import { command, confirm, dialog, get, pull, second, withdraw } from "./commands";
import { bulk } from "./bulk";
import { Curve } from "./curve";
import { add, fill, h, text } from "./dom";
import { clock, figure, percent, price, signed, span, tone, whole } from "./format";
import { Grid, type Column } from "./grid";
import { link } from "./link";
import { office, remark } from "./office";
import { accounts, auction } from "./stock";
import { answer, bar, duties, edit, inquiriesPanel, latest, limits, money, panel, share, ticket, toggle, underlyings, unit, yes, yesTone, type Panel } from "./panels";
import { store, type Row } from "./store";
import { lang, of, t } from "./words";

export interface Page { element: HTMLElement; destroy: () => void; }
export const shared = { klass: 0, board: null as TBoard | null, choose: (_klass: number): void => undefined };

const col = (name: string, width: number, show: (row: Row) => string, more: Partial<Column> = {}): Column => ({ name, title: t(`field.${name}`), width, show, ...more });
const text_ = (name: string) => (row: Row) => String(row[name] ?? "");

export function ordersGrid(channel: string, mine?: () => string): Grid {
  const sideTone = () => "own";
  return new Grid({
    channel, csv: "orders", testid: channel, newest: true,
    filter: mine ? (row) => !mine() || row.contract === mine() : undefined,
    columns: [
      col("at", 100, text_("at"), { left: true }), col("name", 190, text_("name"), { left: true, grow: true }), col("kind", 74, (row) => t(`kind.${row.kind}`), { left: true }),
      col("my_bid", 70, (row) => (row.bid_qty ? price(row.bid) : ""), { tone: sideTone }), col("bid_qty", 50, (row) => (row.bid_qty ? whole(row.bid_qty) : ""), { tone: () => "dim" }),
      col("my_ask", 70, (row) => (row.ask_qty ? price(row.ask) : ""), { tone: sideTone }), col("ask_qty", 50, (row) => (row.ask_qty ? whole(row.ask_qty) : ""), { tone: () => "dim" }),
      col("filled", 50, (row) => (row.filled ? whole(row.filled) : "")), col("status", 130, (row) => t(`status.${row.status}`) + (row.code ? ` ${row.code} ${row.reason}` : ""), { left: true, tone: (row) => ({ live: "good", part: "good", rejected: "alarm", sent: "warn" })[row.status as string] ?? "dim" }),
      col("trader", 54, text_("trader"), { left: true }), col("strategy", 70, text_("strategy"), { left: true }), col("id", 100, text_("id"), { left: true, tone: () => "dim" }),
    ],
    actTitle: "", actWidth: 130,
    act: (row) => h("span.acts", null, noteButton("order", row.id), row.kind === "quote" ? h("button.tiny", { onclick: () => void why(row) }, t("orders.why")) : null,
      store.may("order") && row.kind === "order" && !["filled", "cancelled", "rejected"].includes(row.status) ? h("button.tiny", { onclick: () => void command("cancel_order", { client_id: row.id }) }, t("orders.cancel")) : null),
  });
}
async function why(row: Row): Promise<void> {
  const found = await get(`/api/why/${row.id}?lang=${lang}`);
  dialog(t("orders.why_title", row.name), (box) => box.append(h("pre.proof", { "data-testid": "why" }, found.text ?? (lang === "en" ? found.en : found.zh) ?? "")));
}
export function tradesGrid(mine?: () => string): Grid {
  return new Grid({
    channel: "trades", csv: "trades", newest: true, filter: mine ? (row) => !mine() || row.contract === mine() : undefined,
    columns: [
      col("at", 100, text_("at"), { left: true }), col("name", 190, text_("name"), { left: true, grow: true }), col("side", 50, (row) => t(`side.s${row.side}`), { left: true, tone: (row) => (row.side === 1 ? "up" : "down") }),
      col("effect", 50, (row) => t(`effect.${row.effect}`), { left: true }), col("price", 80, (row) => price(row.price)), col("qty", 60, (row) => whole(row.qty), { sort: (row) => row.qty }), col("amount", 110, (row) => whole(row.amount / 10_000), { sort: (row) => row.amount }), col("order", 110, text_("order"), { left: true, tone: () => "dim" }), col("id", 130, text_("id"), { left: true, tone: () => "dim" }),
    ],
  });
}
/** Write a note on what a row is about. */
function noteButton(about: string, subject: string): HTMLElement | null {
  return store.may("note") ? h("button.tiny", { title: t("act.note.add"), "data-note": about, onclick: (event: Event) => { event.stopPropagation(); remark(about, String(subject)); } }, t(about === "curve" ? "office.remark_curve" : "office.remark")) : null;
}
const LEVELS = ["", "notice", "amber", "red"];
export function alertsGrid(): Grid {
  return new Grid({
    channel: "alerts", csv: "alerts", newest: true, rowTone: (row) => LEVELS[row.level] ?? "",
    columns: [col("at", 100, text_("at"), { left: true }), col("level", 56, (row) => t(`level.l${row.level}`), { left: true, tone: (row) => `tag ${LEVELS[row.level]}` }), col("code", 130, (row) => store.schema.alert_names[row.code]?.[lang === "en" ? 1 : 0] ?? row.code, { left: true }), col("scope", 90, text_("scope"), { left: true }), col("words", 420, (row) => of(row), { left: true, grow: true })],
    actWidth: 40, act: (row) => noteButton("alert", `${row.at} ${row.code} ${row.scope}`),
  });
}
function rfqGrid(): Grid {
  return new Grid({
    channel: "inquiries", csv: "inquiries", start: ["number", true],
    columns: [
      col("number", 50, text_("number"), { sort: (row) => row.number }), col("arrived", 80, (row) => clock(row.arrived), { left: true }), col("name", 190, text_("name"), { left: true, grow: true }), col("side", 60, (row) => t(`side.s${row.side}`), { left: true }), col("qty", 60, (row) => (row.qty ? whole(row.qty) : "–")),
      col("left", 60, (row) => (row.stage < 3 ? `${row.left}s` : ""), { tone: (row) => (row.stage > 2 ? "" : row.left < 5 ? "alarm" : "warn") }), col("hold", 60, (row) => (row.hold ? `${row.hold}s` : "")), col("stage", 76, (row) => t(`stage.s${row.stage}`), { left: true, tone: (row) => ["warn", "warn", "good", "good", "alarm", "dim"][row.stage] ?? "" }),
      col("by", 70, (row) => row.by || t("rfq.machine"), { left: true }), col("my_bid", 70, (row) => price(row.bid), { tone: () => "own" }), col("my_ask", 70, (row) => price(row.ask), { tone: () => "own" }), col("theo", 70, (row) => price(row.theo)), col("breaks", 50, (row) => (row.breaks ? whole(row.breaks) : "")), col("why", 150, text_("why"), { left: true, tone: () => "dim" }),
    ],
    actWidth: 120, act: (row) => (row.stage < 2 && store.may("inquiry") ? h("button.tiny", { onclick: () => answer(row) }, t("rfq.answer")) : null),
  });
}
function positionsGrid(): Grid {
  // Positions come from the boards that are followed; they are rows of their own here.
  const stop: (() => void)[] = [];
  const grid = new Grid({
    channel: "positions", csv: "board",
    columns: [col("name", 190, text_("name"), { left: true, grow: true }), col("net", 70, (row) => signed(row.net), { tone: (row) => tone(row.net), sort: (row) => row.net }), col("long", 70, (row) => whole(row.long)), col("short", 70, (row) => whole(row.short)), col("theo", 80, (row) => (row.theo / 10_000).toFixed(4)), col("delta", 100, (row) => whole(row.delta), { sort: (row) => row.delta }), col("vega", 90, (row) => whole(row.vega), { sort: (row) => row.vega }), col("pnl", 100, (row) => signed(row.pnl), { tone: (row) => tone(row.pnl), sort: (row) => row.pnl })],
  });
  const paint = () => {
    const item = store.schema.classes[shared.klass]!, board = store.boards.get(shared.klass), rows = store.rows("positions");
    rows.clear();
    if (!board) return;
    const at = (slot: number, name: string) => board.at(slot - item.start, store.column.get(name)!);
    const empty = -2147483648;
    const or = (value: number) => (value === empty ? 0 : value);
    for (let slot = item.start; slot < item.stop; slot++) {
      const net = or(at(slot, "net")), long = or(at(slot, "long")), short = or(at(slot, "short"));
      if (!long && !short) continue;
      rows.set(String(slot), { name: store.schema.contracts[slot]!.name, net, long, short, theo: or(at(slot, "theo")), delta: (net * or(at(slot, "delta")) * store.schema.contracts[slot]!.unit) / 1000, vega: (net * or(at(slot, "vega"))) / 100, pnl: or(at(slot, "pnl")) });
    }
    store.touch("positions");
    store.paint();
  };
  for (let klass = 0; klass < store.schema.classes.length; klass++) stop.push(store.on(`board/${klass}`, () => klass === shared.klass && paint()));
  paint();
  const destroy = grid.destroy.bind(grid);
  grid.destroy = () => { stop.forEach((one) => one()); destroy(); };
  return grid;
}

/** Tabs with one grid open at a time. */
function tabs(makers: [string, () => Grid][], start = 0): { element: HTMLElement; destroy: () => void; grid: () => Grid } {
  const bar_ = h("div.tabs"), place = h("div.tab-body"), box = h("section.blotter", null, bar_, place);
  let open: Grid;
  const show = (n: number) => {
    open?.destroy();
    open = makers[n]![1]();
    fill(place, open.element);
    [...bar_.children].forEach((one, m) => one.classList.toggle("on", m === n));
  };
  add(bar_, makers.map(([name], n) => h("button", { onclick: () => show(n), "data-tab": name }, t(`tab.${name}`))));
  show(start);
  return { element: box, destroy: () => open.destroy(), grid: () => open };
}

export function trade(): Page {
  const stops: (() => void)[] = [];
  let followed: () => void = () => undefined;
  const curve = new Curve();
  let only = "";
  const board = new TBoard({
    pick: (picked) => { curve.show(shared.klass, picked.strike.group.scope); chosen(picked); },
    edit: (picked) => store.may("parameter") && edit(scopesOf(picked)),
    toggle: (picked) => {
      if (!store.may("quoting")) return;
      const cells = store.boards.get(shared.klass);
      const lamp = cells?.at(picked.contract.slot - store.schema.classes[shared.klass]!.start, store.column.get("lamp")!);
      toggle(picked.contract.code, lamp === 0, picked.contract.name);
    },
    group: (scope, on) => toggle(scope, on, scope),
    order: (picked, column) => {
      if (!store.may("order")) return;
      // Who clicks an offer buys it, who clicks a bid sells to it.
      const cells = store.boards.get(shared.klass), at = picked.contract.slot - store.schema.classes[shared.klass]!.start;
      const value = cells?.at(at, store.column.get(column.startsWith("bid") ? "bid" : column === "last" || column === "theo" ? column : "ask")!) ?? 0;
      ticket(picked.contract.code, picked.contract.name, !column.startsWith("bid"), Math.max(0, value));
    },
  });
  shared.board = board;
  const limitsPanel = limits(() => shared.klass);
  const linked = h("label.linked", null, h("input", { type: "checkbox", onchange: (event: Event) => { only = (event.target as HTMLInputElement).checked ? "on" : ""; blotter.grid().refilter(); } }), t("board.linked"));
  const mine = () => (only && board.picked ? board.picked.contract.code : "");
  const detail = h("div.detail");
  const chosen = (picked: Picked) => {
    const one = picked.contract;
    fill(detail, h("b", null, one.name), h("span.dim", null, one.code), h("span.dim", null, `${t("field.unit")} ${one.unit}`),
      store.may("order") ? h("button.tiny", { "data-testid": "order", onclick: () => ticket(one.code, one.name, true, 0) }, t("ticket.button"), " O") : null,
      store.may("parameter") ? h("button.tiny", { onclick: () => edit(scopesOf(picked)) }, t("param.title"), " ⏎") : null, linked, noteButton("contract", one.code), noteButton("curve", picked.strike.group.scope),
      store.may("kill") ? h("button.tiny.danger", { onclick: () => void pull(one.code) }, t("kill.one")) : null);
    if (only) blotter.grid().refilter();
  };
  const panels: Panel[] = [underlyings(() => shared.klass, (klass) => choose(klass)), duties(), limitsPanel, inquiriesPanel(), money(), latest()];
  const blotter = tabs([["working", () => ordersGrid("working", mine)], ["orders", () => ordersGrid("orders", mine)], ["trades", () => tradesGrid(mine)], ["positions", positionsGrid], ["rfq", rfqGrid], ["alerts", alertsGrid]]);
  const choose = (klass: number) => {
    if (!store.schema.classes[klass]) return;
    shared.klass = klass;
    followed();
    followed = link.follow(`board/${klass}`, `curve/${klass}`);
    board.show(klass);
    curve.show(klass);
    store.touch("classes");
    limitsPanel.paint();
    store.paint();
    fill(detail, h("span.dim", null, t("board.hint")));
    text(heading, `${store.schema.classes[klass]!.code} ${store.schema.classes[klass]!.symbol}`);
  };
  const heading = h("b.heading");
  shared.choose = choose;
  for (let klass = 0; klass < store.schema.classes.length; klass++) {
    stops.push(store.on(`board/${klass}`, () => klass === shared.klass && board.paint()), store.on(`curve/${klass}`, () => klass === shared.klass && curve.paint()));
  }
  const follow = link.follow("classes", "duty", "limits", "inquiries", "settings", "orders", "working", "trades", "alerts");
  const element = h("main.trade", null, panels[0]!.element, h("div.middle", null, h("div.board-bar", null, heading, detail, h("span.gap"), store.may("parameter") ? h("button.tiny", { "data-testid": "bulk", onclick: () => bulk(shared.klass) }, t("bulk.title")) : null), board.element, blotter.element), h("aside", null, curve.element, panels.slice(1).map((one) => one.element)));
  choose(shared.klass);
  return { element, destroy: () => { follow(); followed(); stops.forEach((one) => one()); panels.forEach((one) => one.destroy()); board.destroy(); blotter.destroy(); shared.board = null; } };
}
function scopesOf(picked: Picked): [string, string][] {
  const group = picked.strike.group;
  return [[picked.contract.code, picked.contract.name], [group.scope, group.scope], [group.scope.slice(0, 6), group.scope.slice(0, 6)], ["*", t("param.all")]];
}

/** A page of panels and grids that follow channels. */
function simple(channels: string[], parts: (Grid | Panel)[], element: HTMLElement): Page {
  const stop = link.follow(...channels);
  return { element, destroy: () => { stop(); parts.forEach((one) => one.destroy()); } };
}

export function duty(): Page {
  const body = h("div.body");
  const table = panel("duty", h("section.panel.wide", { "data-testid": "duty-classes" }, h("header", null, h("b", null, t("duty.title")), h("span.dim", null, t("duty.note"))), body), () => {
    const heads = ["underlying", "contracts", "part", "best", "worst", "spread", "cover", "reach", "slack", "open", "breaker", "close", "asked", "volume", "weighted", "wbest", "grade"];
    fill(body, h("table.big", null, h("thead", null, h("tr", null, heads.map((one) => h("th", { title: t(`dutyl.${one}`) }, t(`dutyc.${one}`))))), h("tbody", null, [...store.rows("duty").values()].map((row) => h("tr", null,
      [row.underlying, whole(row.contracts)].map((one) => h("td", null, one)), h("td", { className: share(row.participation, 8500, 8000) }, percent(row.participation)), h("td", null, percent(row.best)), h("td", { className: share(row.worst, 8000, 0) === "good" ? "good" : "" }, percent(row.worst)), h("td", { className: row.spread > 10000 ? "alarm" : row.spread > 9000 ? "warn" : "" }, percent(row.spread)),
      h("td", { className: row.covered >= row.needed ? "good" : "warn" }, `${row.covered}/${row.needed}`), h("td", { className: row.reachable < row.needed ? "alarm" : "" }, whole(row.reachable)), h("td", { className: row.slack !== null && row.slack < 1800 ? "warn" : "" }, span(row.slack)), h("td", { className: yesTone(row.opening) }, yes(row.opening)), h("td", null, row.breaker), h("td", { className: yesTone(row.closing) }, yes(row.closing)), h("td", { className: row.answered < row.inquiries ? "warn" : "good" }, `${row.answered}/${row.inquiries}`), h("td", null, whole(row.volume)), h("td", null, percent(row.weighted)), h("td", null, percent(row.weighted_best)), h("td", null, h("b.grade", { "data-grade": row.grade }, row.grade)))))),
      h("div.auctions", null, [...store.rows("duty").values()].flatMap((row) => (row.auctions as Row[]).map((one) => h("span", { className: one.ready >= one.needed ? "good" : "warn" }, `${row.underlying} ${store.schema.phases[lang]![one.kind]} ${t("duty.ready", one.ready, one.needed)} ${one.missing.length ? t("duty.missing", one.missing.join(" ")) : ""}`)))));
  });
  const contracts = new Grid({
    channel: "contracts", csv: "contracts", start: ["slack", false],
    columns: [col("name", 190, text_("name"), { left: true, grow: true }), col("underlying", 80, text_("underlying"), { left: true }), col("standing", 110, (row) => (row.phase === 2 ? store.schema.causes[lang]![row.cause]! : store.schema.phases[lang]![row.phase]!), { left: true, tone: (row) => (row.cause === 0 ? "good" : row.cause < 6 ? "alarm" : "dim") }), col("part", 80, (row) => percent(row.participation), { sort: (row) => row.participation ?? -1, tone: (row) => share(row.participation, 8500, 8000) }), col("best", 80, (row) => percent(row.best), { sort: (row) => row.best ?? -1 }), col("worst", 80, (row) => percent(row.worst), { sort: (row) => row.worst ?? -1 }), col("slack", 80, (row) => span(row.slack), { sort: (row) => row.slack, tone: (row) => (row.slack < 0 ? "alarm" : row.slack < 1800 ? "warn" : "") }), col("spread", 80, (row) => percent(row.spread), { sort: (row) => row.spread ?? -1 }), col("now", 80, (row) => percent(row.now), { sort: (row) => row.now ?? -1, tone: (row) => (row.now > 10000 ? "alarm" : row.now > 9000 ? "warn" : "") }), col("obliged", 80, (row) => span(row.obliged), { sort: (row) => row.obliged }), col("compliant", 80, (row) => span(row.compliant), { sort: (row) => row.compliant })],
  });
  const losing = new Grid({
    channel: "losing", empty: t("duty.calm"), columns: [col("at", 80, text_("at"), { left: true }), col("item", 120, (row) => of(row), { left: true, tone: (row) => (row.lost ? "alarm" : "warn") }), col("scope", 170, text_("scope"), { left: true, grow: true }), col("when", 90, (row) => of(row, "when"), { left: true }), col("detail", 110, (row) => of(row, "detail"), { left: true })],
  });
  const element = h("main.page.split", null, table.element, h("div.two", null, h("section.panel.fill", null, h("header", null, h("b", null, t("duty.contracts"))), contracts.element), h("section.panel.fill.narrow", null, h("header", null, h("b", null, t("duty.losing"))), losing.element)));
  return simple(["duty", "contracts", "losing"], [table, contracts, losing], element);
}

export function risk(): Page {
  const greeks = h("div.body"), profits = h("div.body"), figures = h("div.body.flow"), stops = h("div.body");
  const one = panel("risk", h("section.panel.fill", { "data-testid": "risk" }, h("header", null, h("b", null, t("risk.greeks")), h("span.dim", null, t("risk.units"))), greeks), () => {
    const names = ["delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm"];
    const rows = [...store.rows("risk").values()].sort((a, b) => a.order - b.order);
    fill(greeks, h("table.big.tree", null, h("thead", null, h("tr", null, h("th.left", null, t("field.scope")), names.map((name) => h("th", { title: t(`column_long.${name}`) }, t(`column.${name}`))), h("th", null, t("column.pnl")))), h("tbody", null, rows.map((row) => h("tr", { className: `depth${row.depth}` }, h("td.left", null, row.scope === "*" ? t("risk.book") : row.scope), names.map((name) => h("td", { className: tone(row[name]) }, whole(row[name]))), h("td", { className: tone(row.pnl) }, row.pnl === null ? "" : signed(row.pnl)))))));
  });
  const two = panel("profit", h("section.panel.fill", { "data-testid": "profit" }, h("header", null, h("b", null, t("risk.profit")), h("span.dim", null, t("risk.yuan"))), profits), () => {
    const rows = [...store.rows("profit")];
    const names = rows.length ? Object.keys(rows[0]![1]) : [];
    fill(profits, h("table.big", null, h("thead", null, h("tr", null, h("th.left", null, t("risk.cause")), rows.map(([code]) => h("th", null, code === "*" ? t("risk.book") : code)))), h("tbody", null, names.map((name) => h("tr", { className: name === "total" ? "total" : "" }, h("td.left", null, t(`cause.${name}`)), rows.map(([, row]) => h("td", { className: tone(row[name]) }, signed(row[name]))))))));
  });
  const three = panel("limits", h("section.panel.fill", { "data-testid": "all-limits" }, h("header", null, h("b", null, t("limits.title")), h("span.dim", null, t("limits.hint"))), figures), () => {
    const rows = [...store.rows("limits").values()].sort((a, b) => b.level - a.level || (b.share ?? -1) - (a.share ?? -1));
    fill(figures, rows.map((row) => h("div.limit", { title: row.bounds.join(" / ") }, h("span.scope", null, row.scope === "*" ? t("risk.book") : row.scope), h("span.name", null, of(row)), bar(row), h("span", { className: `figure ${LEVELS[row.level]}` }, `${figure(row.figure)}${unit(row)}`), h("span.dim", null, `/ ${figure(row.bounds[2])}`))));
  });
  const map = h("div.body");
  let shown = "*";
  const five = panel("heat", h("section.panel", { "data-testid": "heat" }, h("header", null, h("b", null, t("risk.heat")), h("span.tabs", null, ["*", ...store.schema.classes.map((item) => item.code)].map((code) => h("button", { "data-code": code, onclick: () => { shown = code; store.touch("heat"); store.paint(); } }, code === "*" ? t("risk.book") : code)))), map), () => {
    const row = store.one("heat", shown);
    for (const one of document.querySelectorAll<HTMLElement>("[data-testid=heat] [data-code]")) one.classList.toggle("on", one.dataset.code === shown);
    if (!row) return;
    const most = Math.max(1, ...(row.profit as number[][]).flat().map(Math.abs));
    const shade = (value: number) => ({ backgroundColor: `rgba(${value > 0 ? "255,92,108" : "46,197,138"},${(Math.min(1, Math.sqrt(Math.abs(value) / most)) * 0.55).toFixed(3)})` });
    const move = (value: number) => `${value > 0 ? "+" : ""}${value}%`;
    fill(map, h("table.big.heat", null, h("thead", null, h("tr", null, h("th", null, `${t("risk.vols")} \\ ${t("risk.spots")}`), (row.spots as number[]).map((one) => h("th", null, move(one))))), h("tbody", null, (row.vols as number[]).map((vol, n) => h("tr", null, h("td", null, move(vol)), (row.profit[n] as number[]).map((value, m) => h("td", { style: shade(value), className: row.spots[m] === 0 && vol === 0 ? "origin" : "" }, signed(value))))))));
  });
  const four = panel("sys", h("section.panel", { "data-testid": "stops" }, h("header", null, h("b", null, t("risk.stops"))), stops), () => {
    const sys = store.one("sys");
    if (!sys) return;
    const rows: HTMLElement[] = [];
    for (const [scope, state] of Object.entries(sys.states as Record<string, number>)) rows.push(h("div.stop", null, h("b", null, scope === "*" ? t("risk.book") : scope), h("span", { className: state >= 5 ? "good" : "alarm" }, t(`state.s${state}`)), state < 5 && store.may("quoting") ? h("button.tiny", { onclick: () => confirm(t("risk.ask_open", scope), () => void command("state", { scope, state: "OPEN", reason: "console" })) }, t("risk.open")) : null, state >= 5 && store.may("quoting") ? h("button.tiny", { onclick: () => void command("state", { scope, state: "REDUCING", reason: "console" }) }, t("risk.reduce")) : null));
    for (const [name, state] of Object.entries(sys.trips as Record<string, number>)) {
      const [scope, reason] = name.split(" ");
      rows.push(h("div.stop", null, h("b", null, name), h("span.alarm", null, t(`state.s${state}`)), store.may("quoting") ? h("button.tiny", { onclick: () => void command("rearm", { scope, reason }) }, t("risk.rearm")) : null));
    }
    if (store.may("kill")) rows.push(h("div.stop", null, store.schema.classes.map((item) => h("button.tiny.danger", { onclick: () => void pull(item.code) }, t("kill.scope", item.code)))));
    fill(stops, rows);
  });
  const element = h("main.page.risk", null, h("div.column", null, one.element, two.element), h("div.column", null, four.element, five.element, three.element));
  return simple(["risk", "profit", "limits", "heat"], [one, two, three, four, five], element);
}

export function orders(): Page {
  const top = ordersGrid("orders"), bottom = tradesGrid();
  const element = h("main.page.split", null, h("section.panel.fill", null, h("header", null, h("b", null, t("tab.orders"))), top.element), h("section.panel.fill", null, h("header", null, h("b", null, t("tab.trades"))), bottom.element));
  return simple(["orders", "trades"], [top, bottom], element);
}

export function rfq(): Page {
  const grid = rfqGrid(), body = h("div.body");
  const stats = panel("inquiries", h("section.panel", { "data-testid": "rfq-stats" }, h("header", null, h("b", null, t("rfq.stats"))), body), () => {
    const rows = [...store.rows("inquiries").values()];
    const line = (name: string, some: Row[]) => {
      const ended = some.filter((row) => row.stage >= 3 && row.stage !== 5), held = some.filter((row) => row.stage === 3);
      return h("tr", null, h("td.left", null, name), [some.length, some.filter((row) => row.stage < 3).length, held.length, some.filter((row) => row.stage === 4).length, some.filter((row) => row.stage === 5).length, held.filter((row) => row.by).length].map((one) => h("td", null, whole(one))), h("td", { className: held.length < ended.length ? "warn" : "good" }, ended.length ? `${((held.length / ended.length) * 100).toFixed(1)}%` : "–"));
    };
    fill(body, h("table.big", null, h("thead", null, h("tr", null, ["underlying", "asked", "open", "held", "missed", "excused", "hand", "rate"].map((one) => h("th", null, t(`rfqc.${one}`))))), h("tbody", null, store.schema.classes.map((item) => line(item.code, rows.filter((row) => row.underlying === item.code))), line(t("risk.book"), rows))));
  });
  return simple(["inquiries"], [grid, stats], h("main.page.split", null, stats.element, h("section.panel.fill", null, h("header", null, h("b", null, t("rfq.title"))), grid.element)));
}

export function alerts(): Page {
  const grid = alertsGrid();
  const live = new Grid({
    channel: "monitors", testid: "monitors", empty: t("alerts.calm"), rowTone: (row) => LEVELS[row.grade] ?? "",
    columns: [col("number", 50, text_("number")), col("level", 56, (row) => t(`level.l${row.grade}`), { left: true, tone: (row) => `tag ${LEVELS[row.grade]}` }), col("since", 80, (row) => clock(row.since), { left: true }), col("scope", 80, text_("scope"), { left: true }), col("words", 260, (row) => of(row), { left: true, grow: true }), col("figure", 130, (row) => `${figure(row.figure)}${unit(row)}`), col("told", 70, (row) => t(`post.${row.told}`), { left: true }), col("measure", 110, (row) => (row.measure ? row.measure[lang === "en" ? 1 : 0] : ""), { left: true }), col("acked", 80, (row) => row.acked_by, { left: true, tone: () => "good" })],
    actWidth: 90, act: (row) => (!row.acked_by && store.may("acknowledge") ? h("button.tiny.primary", { onclick: () => void command("acknowledge", { alert: row.number }) }, t("alerts.ack")) : null),
  });
  return simple(["alerts", "monitors"], [grid, live], h("main.page.split", null, h("section.panel.fill", null, h("header", null, h("b", null, t("alerts.live")), h("span.dim", null, t("alerts.hint"))), live.element), h("section.panel.fill", null, h("header", null, h("b", null, t("alerts.all"))), grid.element)));
}

export function approve(): Page {
  const waiting = h("div.body.cards"), seats = h("div.body");
  const show = (value: unknown) => (value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));
  const inbox = panel("approvals", h("section.panel", { "data-testid": "inbox" }, h("header", null, h("b", null, t("approve.inbox")), h("span.dim", null, t("approve.hint"))), waiting), () => {
    const rows = [...store.rows("approvals").values()].filter((row) => row.waits);
    fill(waiting, rows.length ? rows.map((row) => {
      const mine = row.by === store.me.user;
      const able = !mine && store.may("second") && (row.posts as string[]).some((post) => store.me.roles.includes(post));
      const state = "state" in row.fields;
      const after = state ? t(`state.s${row.fields.state}`) : row.fields.value ?? "";
      const before = state && row.before !== null ? t(`state.s${row.before}`) : show(row.before);
      return h("div.card", { "data-proposal": row.number }, h("div.line", null, h("b", null, `#${row.number} ${t(`act.${row.act}`)}`), h("span.dim", null, row.at), h("span", null, t("approve.by", row.by)), h("span.dim", null, t("approve.posts", (row.posts as string[]).map((post) => t(`post.${post}`)).join(lang === "en" ? ", " : "、")))),
        h("div.line.diff", null, h("span.scope", null, row.scope || "–"), row.fields.name ? h("span", null, t(`setting.${row.fields.name}`)) : null, after !== "" ? h("span", null, h("del", null, before), " → ", h("ins", null, show(after))) : h("code", null, show(row.fields)), row.fields.reason ? h("span.dim", null, row.fields.reason) : null),
        h("div.buttons", null, h("button.primary", { disabled: !able, "data-testid": "agree", title: mine ? t("approve.own") : "", onclick: () => void second(row.number) }, t("approve.agree")), mine ? h("button", { onclick: () => void withdraw(row.number) }, t("approve.withdraw")) : null, mine ? h("span.warn", null, t("approve.own")) : null));
    }) : h("p.dim", null, t("approve.none")));
  });
  const seat = panel("approvals", h("section.panel", { "data-testid": "seats" }, h("header", null, h("b", null, t("approve.seats"))), seats), () => {
    const on = (store.one("approvals", "duty")?.on ?? {}) as Record<string, string[]>;
    const mine = on[store.me.user] ?? [];
    fill(seats, h("div.seatline", null, Object.entries(on).map(([person, posts]) => h("span.tag", null, `${person} ${posts.join(", ")}`)), Object.keys(on).length ? null : h("span.dim", null, t("approve.nobody"))),
      store.may("sign_on") ? h("div.seatline", null, store.me.roles.map((post) => {
        const sits = mine.some((one) => one.startsWith(post));
        return h("button", { "data-testid": `sign-${post}`, onclick: () => void command("sign_on", { post, on: !sits }) }, t(sits ? "approve.sign_off" : "approve.sign_on", t(`post.${post}`)));
      })) : null);
  });
  const all = new Grid({
    channel: "approvals", testid: "proposals", csv: "approvals", start: ["number", true], filter: (row) => "number" in row,
    columns: [col("number", 60, text_("number"), { sort: (row) => row.number }), col("at", 80, text_("at"), { left: true }), col("act", 150, (row) => t(`act.${row.act}`), { left: true }), col("scope", 120, (row) => String(row.scope ?? ""), { left: true }), col("fields", 260, (row) => Object.entries(row.fields).map(([k, v]) => `${k}=${show(v)}`).join(" "), { left: true, grow: true }), col("by", 60, text_("by"), { left: true }), col("seconded_by", 70, text_("seconded_by"), { left: true }), col("status", 80, (row) => t(`proposal.${row.status}`), { left: true, tone: (row) => ({ proposed: "warn", delivered: "good", issued: "good" })[row.status as string] ?? "dim" })],
  });
  return simple(["approvals"], [inbox, seat, all], h("main.page.split", null, h("div.two", null, inbox.element, seat.element), h("section.panel.fill", null, h("header", null, h("b", null, t("approve.all"))), all.element)));
}

const OFFICE = ["daily", "dayend", "reports", "documents", "registers", "inspection", "oversight", "health", "admin", "audit", "exchange", "makers", "ratings", "publication"];
export const PAGES: Record<string, () => Page> = { trade, duty, risk, orders, rfq, alerts, approve, accounts, auction, ...Object.fromEntries(OFFICE.map((name) => [name, () => office(name)])) };
