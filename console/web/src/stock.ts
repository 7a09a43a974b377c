// Accounts and inventory, and the call auction: pages over the machine's own pictures.
import { h } from "./dom";
import { percent, price, short, signed, spot, tone, whole } from "./format";
import { Grid, type Column } from "./grid";
import { link } from "./link";
import { type Page } from "./pages";
import { store, type Row } from "./store";
import { combine, exercise, lock, split } from "./tickets";
import { lang, t } from "./words";

const col = (name: string, width: number, show: (row: Row) => string, more: Partial<Column> = {}): Column => ({ name, title: t(`field.${name}`), width, show, ...more });
const words = (name: string) => (row: Row) => String(row[name] ?? "");
const number = (name: string, width = 84): Column => col(name, width, (row) => (row[name] === null || row[name] === undefined ? "" : whole(row[name])), { sort: (row) => row[name] ?? 0 });
const box = (title: string, grid: Grid, share: number) => h("section.panel.fill", { style: { flexGrow: String(share) } }, h("header", null, h("b", null, t(`sheet.${title}`))), grid.element);

function page(name: string, channels: string[], parts: [string, Grid, number][]): Page {
  const stop = link.follow(...channels);
  const element = h("main.page.office", { "data-testid": `office-${name}`, "data-ready": "1" }, h("div.office-bar", null, h("b.heading", null, t(`page.${name}`))), h("div.office-sheets", null, parts.map(([title, grid, share]) => box(title, grid, share))));
  return { element, destroy: () => { stop(); for (const [, grid] of parts) grid.destroy(); } };
}

export function accounts(): Page {
  const funds = new Grid({
    channel: "funds", csv: "funds", columns: [
      col("kind", 130, (row) => t(`fund.${row.kind}`), { left: true }), col("account", 150, words("account"), { left: true, grow: true }), col("pbu", 90, words("pbu"), { left: true }), col("scope", 90, words("scope"), { left: true }), col("status", 110, (row) => t(`fund.${row.status}`), { left: true, tone: (row) => (row.status === "old" ? "warn" : "good") }), col("since", 190, words("since"), { left: true }),
      number("balance", 130), number("tied", 130), number("free", 130), number("worth", 130),
    ],
  });
  const holdings = new Grid({
    channel: "holdings", csv: "holdings", rowTone: (row) => (row.depth ? "" : "head"), columns: [
      col("scope", 140, words("scope"), { left: true, grow: true }), number("long"), number("short"), number("covered"), col("net", 84, (row) => signed(row.net), { tone: (row) => tone(row.net), sort: (row) => row.net }), number("margin", 120), col("worth", 120, (row) => signed(row.worth), { tone: (row) => tone(row.worth), sort: (row) => row.worth }), number("bought", 96), number("total", 84), number("long_limit", 96), number("total_limit", 96),
    ],
  });
  const may = store.may("order");
  const units = new Grid({
    channel: "units", csv: "units", columns: [
      col("scope", 80, words("scope"), { left: true }), col("symbol", 120, words("symbol"), { left: true, grow: true }), number("units", 110), number("locked", 100), number("behind", 100), number("cover_left", 100), number("lock", 84), number("unlock", 84), number("free", 110), number("sellable", 110), number("buying", 84), number("selling", 84), col("price", 70, (row) => spot(row.price)), col("worth", 110, (row) => short(row.worth), { sort: (row) => row.worth }),
    ],
    tools: may ? [h("button.tiny", { "data-testid": "lock", onclick: () => lock() }, t("ticket.lock")), h("button.tiny", { "data-testid": "exercise", onclick: () => exercise() }, t("ticket.exercise"))] : [],
  });
  const combos = new Grid({
    channel: "combos", csv: "combos", empty: t("accounts.no_combos"), columns: [col("id", 160, words("id"), { left: true }), col("strategy", 110, words("strategy"), { left: true }), col("first", 200, words("first"), { left: true, grow: true }), col("second", 200, words("second"), { left: true, grow: true }), number("qty")],
    actWidth: 70, act: may ? (row) => h("button.tiny", { onclick: () => split(row.id, row.qty) }, t("ticket.split")) : undefined,
    tools: may ? [h("button.tiny", { "data-testid": "combine", onclick: () => combine() }, t("ticket.combine"))] : [],
  });
  return page("accounts", ["funds", "holdings", "units", "combos"], [["funds", funds, 2], ["holdings", holdings, 4], ["units", units, 2], ["combos", combos, 1]]);
}

export function auction(): Page {
  const grid = new Grid({
    channel: "auction", csv: "auction", empty: t("auction.none"), start: ["name", false], columns: [
      col("name", 190, words("name"), { left: true, grow: true }), col("phase", 120, (row) => store.schema.phases[lang]![row.phase]!, { left: true }), col("virtual", 90, (row) => price(row.price), { sort: (row) => row.price, tone: (row) => tone(row.price ? row.price - row.close : 0) }), col("settled", 90, (row) => price(row.close), { tone: () => "dim" }),
      number("matched"), number("left_buy"), number("left_sell"), col("my_bid", 84, (row) => (row.bid ? price(row.bid) : "–"), { tone: () => "own" }), number("bid_qty", 60), col("my_ask", 84, (row) => (row.ask ? price(row.ask) : "–"), { tone: () => "own" }), number("ask_qty", 60),
      col("spread", 84, (row) => (row.spread === null ? "–" : percent(row.spread * 10, 1)), { tone: (row) => (row.spread > 1000 ? "alarm" : "") }), col("counts", 76, (row) => (row.counts ? "✓" : "✗"), { tone: (row) => (row.counts ? "good" : "alarm") }), col("trades", 100, (row) => signed(row.trades), { tone: (row) => tone(row.trades), sort: (row) => row.trades }), number("adds", 100),
    ],
  });
  return page("auction", ["auction"], [["auction", grid, 1]]);
}
