// The smaller panels of the trader's page; each follows its channel and writes only what differs.
import { command, confirm, dialog, get } from "./commands";
import { classes, fill, h, text, type Kid } from "./dom";
import { figure, percent, price, short, signed, span, spot, tone, whole } from "./format";
import { store, type Row } from "./store";
import { lang, of, t } from "./words";

export interface Panel { element: HTMLElement; destroy: () => void; }

export function panel(channel: string, element: HTMLElement, paint: () => void): Panel {
  const stop = store.on(channel, paint);
  paint();
  return { element, destroy: stop };
}

export function underlyings(chosen: () => number, choose: (klass: number) => void): Panel {
  const box = h("nav.underlyings", { "data-testid": "underlyings" });
  const paint = () => {
    const rows = [...store.rows("classes")];
    const key = `${rows.length}`;
    if (box.dataset.key !== key) {
      box.dataset.key = key;
      fill(box, rows.map(([code, row]) => h("button.card", { "data-code": code, onclick: () => choose(row.klass) },
        h("div.line", null, h("b.code", null, code), h("span.symbol", null, row.symbol), h("kbd", null, `Alt+${row.klass + 1}`)),
        h("div.line", null, h("span.last.big"), h("span.change"), h("span.quoted")),
        h("div.line.small", null, h("span.greeks"), h("span.greeks2")),
        h("div.line", null, h("span.pnl"), h("span.lamps", null, ...["feed", "state", "trader", "asked"].map((name) => h(`i.dot.${name}` as "i.dot", null, "●")))))));
    }
    for (const card of box.querySelectorAll<HTMLElement>(".card")) {
      const row = store.one("classes", card.dataset.code!);
      if (!row) continue;
      classes(card, `card${row.klass === chosen() ? " on" : ""}`);
      const put = (name: string, value: string, kind = "") => {
        const cell = card.querySelector<HTMLElement>(`.${name}`)!;
        text(cell, value);
        classes(cell, `${name} ${kind}${name === "last" ? " big" : ""}`);
      };
      put("last", spot(row.last), tone(row.change));
      put("change", row.change === null ? "" : `${row.change > 0 ? "+" : ""}${(row.change / 100).toFixed(2)}%`, tone(row.change));
      put("quoted", `${t("board.quoted")} ${row.quoted}/${row.wanted}`, row.quoted === row.wanted ? "good" : "warn");
      put("greeks", `Δ ${short(row.delta)}  Γ ${short(row.gamma)}`);
      put("greeks2", `ν ${short(row.vega)}  θ ${short(row.theta)}`);
      put("pnl", `${t("und.pnl")} ${signed(row.pnl)}`, tone(row.pnl));
      const lamp = (name: string, kind: string, title: string) => {
        const cell = card.querySelector<HTMLElement>(`.dot.${name}`)!;
        classes(cell, `dot ${name} ${kind}`);
        if (cell.title !== title) cell.title = title;
      };
      lamp("feed", row.stale ? "bad" : "good", t(row.stale ? "lampu.feed_bad" : "lampu.feed"));
      lamp("state", row.trips.length ? "bad" : row.state >= 5 ? "good" : "warn", `${t("lampu.state")} ${t(`state.s${row.state}`)} ${row.trips.join(" ")}`);
      lamp("trader", row.trader ? "good" : "warn", row.trader ? t("lampu.trader", row.trader) : t("lampu.nobody"));
      lamp("asked", row.asked ? "ask" : "off", t("lampu.asked", row.asked));
    }
  };
  return panel("classes", box, paint);
}

/** Rows of a small table, rebuilt whole: a dozen cells at two pictures a second. */
function table(heads: Kid[], lines: HTMLElement[]): HTMLElement {
  return h("table", null, h("thead", null, h("tr", null, heads.map((one) => h("th", null, one)))), h("tbody", null, lines));
}
const td = (value: string, kind = "") => h("td", { className: kind }, value);
export const share = (value: number | null, good: number, warn: number) => (value === null ? "" : value >= good ? "good" : value >= warn ? "warn" : "alarm");
export const yes = (value: number | null) => (value === null ? "–" : value ? "✓" : "✗");
export const yesTone = (value: number | null) => (value === null ? "dim" : value ? "good" : "alarm");

export function duties(): Panel {
  const body = h("div.body");
  const box = h("section.panel", { "data-testid": "duties" }, h("header", null, h("b", null, t("duty.title")), h("span.dim", null, t("duty.trial"))), body);
  return panel("duty", box, () => {
    const rows = [...store.rows("duty").values()];
    if (!rows.length) return fill(body, h("p.dim", null, t("app.nothing")));
    fill(body, table(["underlying", "part", "spread", "cover", "open", "breaker", "close", "asked", "grade"].map((one) => t(`dutyc.${one}`)), rows.map((row) => h("tr", null,
      td(row.underlying, "left"), td(percent(row.participation, 1), share(row.participation, 8500, 8000)), td(percent(row.spread, 1), row.spread !== null && row.spread > 9000 ? "warn" : ""), td(`${row.covered}/${row.needed}`, row.reachable < row.needed ? "alarm" : row.covered >= row.needed ? "good" : "warn"),
      td(yes(row.opening), yesTone(row.opening)), td(row.breaker, row.breaker.startsWith("0/") && row.breaker !== "0/0" ? "alarm" : "dim"), td(yes(row.closing), yesTone(row.closing)), td(`${row.answered}/${row.inquiries}`, row.answered < row.inquiries ? "warn" : "good"), h("td", null, h(`b.grade`, { "data-grade": row.grade }, row.grade))))));
  });
}

export const NEAR = ["delta", "gamma", "vega", "theta", "loss", "long", "total", "buy_open", "day_orders"];

export function bar(row: Row): HTMLElement {
  const part = row.share === null ? 0 : Math.min(100, row.share / 10);
  const kind = ["", "notice", "amber", "red"][row.level] ?? "";
  const inner = h("i", { style: { width: `${part}%` } });
  return h(`div.bar`, { className: `bar ${kind}`, title: row.bounds.join(" / ") }, inner);
}

export function limits(klass: () => number): Panel & { paint: () => void } {
  const body = h("div.body");
  const box = h("section.panel", { "data-testid": "limits" }, h("header", null, h("b", null, t("limits.title")), h("span.dim", null, t("limits.hint"))), body);
  const paint = () => {
    const code = store.schema.classes[klass()]!.code;
    const rows = [...store.rows("limits").values()].filter((row) => row.scope === code || row.scope === "*");
    const worth = rows.filter((row) => row.level > 0 || (row.scope === code ? NEAR.includes(row.name) : ["margin_used", "rate", "loss_desk", "var"].includes(row.name)));
    worth.sort((a, b) => b.level - a.level || (b.share ?? 0) - (a.share ?? 0));
    if (!worth.length) return fill(body, h("p.dim", null, t("app.nothing")));
    fill(body, worth.slice(0, 9).map((row) => h("div.limit", null, h("span.name", { title: `${row.item} ${of(row)}` }, `${row.scope === "*" ? "" : ""}${of(row)}`), bar(row), h("span.figure", { className: `figure ${["", "notice", "amber", "red"][row.level]}` }, `${figure(row.figure)}${unit(row)}`))));
  };
  return { ...panel("limits", box, paint), paint };
}
export const unit = (row: Row) => (of(row, "unit") === "%" ? "%" : ` ${of(row, "unit")}`);

export function inquiriesPanel(): Panel {
  const body = h("div.body");
  const box = h("section.panel", { "data-testid": "rfq" }, h("header", null, h("b", null, t("rfq.title")), h("span.dim.count")), body);
  return panel("inquiries", box, () => {
    const rows = [...store.rows("inquiries").values()].sort((a, b) => b.number - a.number);
    const open = rows.filter((row) => row.stage < 3);
    const done = rows.filter((row) => row.stage === 3).length, missed = rows.filter((row) => row.stage === 4).length;
    text(box.querySelector(".count")!, t("rfq.count", done, missed));
    const shown = [...open, ...rows.filter((row) => row.stage >= 3).slice(0, Math.max(0, 5 - open.length))];
    fill(body, shown.length ? shown.slice(0, 6).map(inquiry) : h("p.dim", null, t("app.nothing")));
  });
}

function inquiry(row: Row): HTMLElement {
  const live = row.stage < 3;
  const part = Math.min(100, ((row.stage === 2 ? row.hold : row.left) / 15) * 100);
  return h("div.rfq", { className: `rfq stage${row.stage}` }, h("span.name", null, row.name), h("span.dim", null, `${t(`side.s${row.side}`)} ${row.qty ? `${row.qty}${t("unit.lots")}` : ""}`),
    live ? h("div.bar", { className: `bar ${row.stage === 2 ? "" : row.left < 5 ? "red" : "amber"}` }, h("i", { style: { width: `${part}%` } })) : h("span.dim", null, row.by || t("rfq.machine")),
    h("span", { className: `stage` }, live ? `${row.stage === 2 ? row.hold : row.left}s` : t(`stage.s${row.stage}`)), live && store.may("inquiry") && row.stage !== 2 ? h("button.tiny", { onclick: () => answer(row) }, t("rfq.answer")) : null);
}

export function answer(row: Row): void {
  dialog(t("rfq.answer_title", row.name), (box, close) => {
    const middle = row.theo ?? 0;
    const field = (name: string, value: string) => h("input", { name, value, inputMode: "decimal" });
    const bid = field("bid", price(row.bid || middle - 10)), ask = field("ask", price(row.ask || middle + 10)), qty = h("input", { name: "qty", type: "number", value: String(Math.max(10, row.qty)), min: "1" });
    fill(box, h("p.dim", null, t("rfq.theory", price(middle))), h("div.form", null, h("label", null, t("rfq.bid"), bid), h("label", null, t("rfq.ask"), ask), h("label", null, t("rfq.qty"), qty)),
      h("div.buttons", null, h("button", { onclick: () => void command("take_inquiry", { inquiry: row.inquiry }) }, t("rfq.take")),
        h("button.primary", { onclick: () => { void command("answer_inquiry", { inquiry: row.inquiry, bid: bid.value, ask: ask.value, qty: Number(qty.value) }); close(); } }, t("rfq.answer")),
        h("button", { onclick: () => { void command("give_back_inquiry", { inquiry: row.inquiry }); close(); } }, t("rfq.give"))));
  });
}

/** The newest alerts, so that nobody has to change the page to hear of them. */
export function latest(): Panel {
  const body = h("div.body");
  const box = h("section.panel", { "data-testid": "latest" }, h("header", null, h("b", null, t("alerts.latest")), h("a.dim", { href: "#alerts" }, t("alerts.more"))), body);
  return panel("alerts", box, () => {
    const rows = [...store.rows("alerts").values()].sort((a, b) => (a.at < b.at ? 1 : -1)).slice(0, 7);
    fill(body, rows.length ? rows.map((row) => h("div.news", { className: `news l${row.level}`, title: of(row) }, h("span.dim", null, row.at.slice(0, 8)), h("span.words", null, of(row)))) : h("p.dim", null, t("app.nothing")));
  });
}

/** Money of the account. */
export function money(): Panel {
  const body = h("div.body.facts");
  const box = h("section.panel", { "data-testid": "account" }, h("header", null, h("b", null, t("money.title"))), body);
  return panel("account", box, () => {
    const row = store.one("account");
    if (!row) return;
    const fact = (name: string, value: string, kind = "") => h("span", null, h("i", null, t(`money.${name}`)), h("b", { className: kind }, value));
    fill(body, fact("pnl", signed(row.pnl), tone(row.pnl)), fact("fees", whole(row.fees)), fact("cash", short(row.cash)), fact("margin", short(row.margin)), fact("usage", row.usage === null ? "–" : `${(row.usage / 100).toFixed(2)}%`), fact("long", whole(row.long)), fact("short", whole(row.short)));
  });
}

/** Edit a setting of a scope: what is in force, the band of a trader alone, and what it needs beyond. */
export function edit(scopes: [string, string][], first = "width"): void {
  dialog(t("param.title"), (box) => {
    const settings = store.rows("settings");
    const scope = h("select", { name: "scope" }, scopes.map(([value, words]) => h("option", { value }, words)));
    const names = [...settings.keys()].sort((a, b) => Number(b === first) - Number(a === first));
    const name = h("select", { name: "name" }, names.map((one) => h("option", { value: one }, `${t(`setting.${one}`)} ${one}`)));
    const value = h("input", { name: "value", type: "number" });
    const now = h("b.now"), about = h("p.dim"), needs = h("p");
    let seen = "";
    const load = async () => {
      const row = settings.get(name.value);
      if (!row) return;
      text(about, `${row.meaning} · ${row.unit} · ${row.low} … ${row.high} · ${t("param.alone", row.alone_low, row.alone_high)}`);
      seen = (await get(`/api/value?${new URLSearchParams({ of: scope.value, name: name.value })}`)).value;
      text(now, seen);
      value.value = seen.includes("..") ? "" : seen;
      check();
    };
    const check = () => {
      const row = settings.get(name.value);
      if (!row) return;
      const wanted = Number(value.value);
      const alone = !row.limit && wanted >= row.alone_low && wanted <= row.alone_high;
      text(needs, alone ? t("param.one") : t("param.two"));
      classes(needs, alone ? "good" : "warn");
    };
    scope.onchange = name.onchange = () => void load();
    value.oninput = check;
    const submit = async () => {
      const reply = await command("parameter", { scope: scope.value, name: name.value, value: Math.round(Number(value.value)) }, seen);
      text(needs, lang === "en" ? reply.en : reply.zh);
      classes(needs, reply.ok ? "good" : "alarm");
      if (reply.status === "stale") void load();
    };
    fill(box, h("form.form", { onsubmit: (event: Event) => { event.preventDefault(); void submit(); } }, h("label", null, t("param.scope"), scope), h("label", null, t("param.name"), name), h("label", null, t("param.now"), now), h("label", null, t("param.value"), value), h("button.primary", { type: "submit" }, t("param.send"))), about, needs);
    void load();
  });
}

/** An order by hand: it passes the authority and the same ladder as every quote. */
export function ticket(code: string, name: string, buy: boolean, ticks: number): void {
  dialog(t("ticket.title", name), (box, close) => {
    let side = buy ? "buy" : "sell";
    const amount = h("input", { name: "price", value: ticks ? (ticks / 10_000).toFixed(4) : "", inputMode: "decimal", required: true });
    const qty = h("input", { name: "qty", type: "number", value: "1", min: "1", required: true });
    const choice = (field: string, options: [string, string][]) => h("select", { name: field }, options.map(([value, words]) => h("option", { value }, words)));
    const effect = choice("effect", [["auto", t("ticket.auto")], ["open", t("ticket.open")], ["close", t("ticket.close")]]);
    const kind = choice("kind", [["limit", t("ticket.limit")], ["limit-fok", t("ticket.fok")]]);
    const confirmed = h("input", { type: "checkbox" }), large = h("input", { type: "checkbox" });
    const value = h("p.dim"), said = h("p");
    const unitOf = store.schema.contracts.find((one) => one.code === code)?.unit ?? 0;
    const worth = () => text(value, t("ticket.value", whole(Math.round(Number(amount.value) * Number(qty.value) * unitOf))));
    amount.oninput = qty.oninput = worth;
    const sides = h("div.sides");
    const paint = () => fill(sides, ["buy", "sell"].map((one) => h("button", { type: "button", className: `side ${one}${one === side ? " on" : ""}`, "data-side": one, onclick: () => { side = one; paint(); } }, t(`ticket.${one}`))));
    const send = async (event: Event) => {
      event.preventDefault();
      const reply = await command("manual_order", { contract: code, side, qty: Number(qty.value), price: Math.round(Number(amount.value) * 10_000), kind: kind.value, effect: effect.value, confirmed: confirmed.checked, large: large.checked });
      text(said, lang === "en" ? reply.en : reply.zh);
      classes(said, reply.ok ? "good" : "alarm");
      if (reply.ok) close();
    };
    fill(box, h("form.form", { onsubmit: send, "data-testid": "ticket" }, sides, h("label", null, t("ticket.price"), amount), h("label", null, t("ticket.qty"), qty), h("label", null, t("ticket.effect"), effect), h("label", null, t("ticket.kind"), kind), h("label", null, t("ticket.confirmed"), confirmed), h("label", null, t("ticket.large"), large), h("button.primary", { type: "submit" }, t("param.send"))), value, said);
    paint();
    worth();
    qty.focus();
  });
}

export function toggle(scope: string, on: boolean, words: string): void {
  const send = () => void command("enabled", { scope, on });
  if (on) confirm(t("board.ask_on", words), send);
  else send();
}

export { whole, span };
