// Boot, the door, the shell around the pages, keys.
import { nameLamps } from "./board";
import { dialog, get, note, post, pull } from "./commands";
import { classes, fill, h, text } from "./dom";
import { clock, signed, tone } from "./format";
import { link, replay, replaying } from "./link";
import { edit } from "./panels";
import { PAGES, shared, type Page } from "./pages";
import { store, type Me, type Schema } from "./store";
import { lang, loadWords, setLang, t } from "./words";

const app = document.querySelector<HTMLElement>("#app")!;
const NAMES = ["trade", "duty", "risk", "orders", "rfq", "alerts", "approve"];
const OFFICE = ["makers", "ratings", "publication", "auction", "accounts", "daily", "dayend", "reports", "documents", "registers", "inspection", "oversight", "health", "admin", "audit", "exchange"];
/** A browser's clock further off than this is said in red: what it shows as time is not the time. */
const OFF_MS = 1_000;
/** More pages than these go into a menu. */
const IN_LINE = 9;
let page: Page | null = null;
let name = "";
let pane: HTMLElement;

async function boot(): Promise<void> {
  await loadWords();
  const answer = await fetch("/api/session");
  const me = answer.ok ? await answer.json() : { ok: false };
  if (!me.ok) return login();
  await enter(me);
}

function login(): void {
  const said = h("p.said", { role: "alert" });
  const field = (label: string, props: Record<string, unknown>) => h("label", null, t(label), h("input", { required: true, ...props }));
  const form = h("form.login", {
    onsubmit: async (event: Event) => {
      event.preventDefault();
      const data = new FormData(form as HTMLFormElement);
      const answer = await post("/api/login", { name: data.get("name"), password: data.get("password"), code: data.get("code") ?? "" });
      if (answer.ok) location.reload();
      else text(said, t(`login.${answer.code ?? "failed"}`, answer.wait_s ?? 0));
    },
  }, h("h1", null, t("app.brand")), h("p.dim", null, t("login.hint")), field("login.name", { name: "name", autocomplete: "username", autofocus: true }), field("login.password", { name: "password", type: "password", autocomplete: "current-password" }),
    h("label", null, t("login.code"), h("input", { name: "code", autocomplete: "one-time-code", inputMode: "numeric" })), h("button.primary", { type: "submit" }, t("login.enter")), said, h("button.ghost", { type: "button", onclick: () => setLang(lang === "en" ? "zh" : "en") }, t("app.language")));
  fill(app, h("div.door", null, form));
}

async function enter(me: Me): Promise<void> {
  store.me = me;
  const found = await get("/api/schema");
  found.contracts = (found.contracts as unknown[][]).map(([slot, klass, code, name_, kind, strike, lastDay, unit, days, adjusted]) => ({ slot, klass, code, name: name_, kind, strike, lastDay, unit, days, adjusted: Boolean(adjusted) }));
  store.schema = found as Schema;
  store.schema.columns.forEach(([column], n) => store.column.set(column, n));
  nameLamps();
  shell();
  link.open();
  if (!store.schema.site) link.follow("sys", "account", "monitors", "approvals", "classes");
  if (!store.schema.live && store.may("replay")) replay(true);
  open(location.hash.slice(1) || allowed()[0] || "trade");
  window.addEventListener("hashchange", () => open(location.hash.slice(1)));
  window.setInterval(pulse, 500);
}

const allowed = () => [...NAMES, ...OFFICE].filter((one) => store.me.views.includes(one));

function open(to: string): void {
  if (!PAGES[to] || !store.me.views.includes(to) || to === name) return;
  page?.destroy();
  name = to;
  page = PAGES[to]!();
  fill(pane, page.element);
  for (const one of document.querySelectorAll<HTMLElement>("nav.pages a")) one.classList.toggle("on", one.dataset.page === to);
  const menu = document.querySelector<HTMLElement>("nav.pages .menu");
  if (menu) {
    menu.hidden = true;
    const mine = menu.querySelector(`[data-page=${to}]`) !== null;
    fill(document.querySelector("nav.pages .current")!, mine ? h("a.on", { href: `#${to}`, "data-page": to }, t(`page.${to}`)) : null);
  }
  store.touch("classes");
  store.paint();
}

function shell(): void {
  const badge = (one: string) => h("i.badge", { "data-badge": one, hidden: true });
  const link_ = (one: string) => h("a", { href: `#${one}`, "data-page": one }, t(`page.${one}`), badge(one));
  const all = allowed(), whole = all.length <= IN_LINE;
  const pages = all.filter((one) => whole || NAMES.includes(one)).map(link_);
  const menu = whole ? null : more(all.filter((one) => OFFICE.includes(one)));
  const mode = store.schema.live && store.may("replay") ? h("a", { href: "#", "data-page": "replay", onclick: (event: Event) => { event.preventDefault(); replay(!replaying); bar.hidden = !replaying; } }, t("page.replay")) : null;
  const site = Boolean(store.schema.site); // the exchange's own: no machine, so no lamps of one
  if (site) document.title = t("app.exchange_title");
  const lamp = (one: string) => h("span.lamp", { "data-lamp": one }, h("i", null, "●"), t(`health.${one}`));
  const top = h("header.top", null, h("b.brand", { title: `${store.schema.day} ${store.schema.scenario}` }, t(site ? "app.exchange_brand" : "app.brand")), h("nav.pages", null, pages, mode, menu), h("span.gap"),
    site ? null : [h("span.phase", { "data-testid": "phase" }), h("span.clock", { "data-testid": "clock" }), h("span.money", { "data-testid": "money" })], h("span.health", null, (site ? ["screen"] : ["feed", "line", "engine", "screen"]).map(lamp), h("span.delay.dim", { title: t("health.offset_long"), "data-testid": "offset" }), h("span.delay.feed", { title: t("health.feed_long"), "data-testid": "feed-offset", hidden: true }), h("span.delay.ntp", { "data-testid": "ntp", hidden: true })),
    site ? null : h("button.ghost", { onclick: help, "data-testid": "keys" }, t("keys.button")), h("button.ghost", { onclick: () => setLang(lang === "en" ? "zh" : "en"), "data-testid": "language" }, t("app.language")), h("span.user", { title: store.me.roles.join(" ") }, `${store.me.name} · ${store.me.roles.map((one) => t(`post.${one}`)).join(" ")}`),
    h("button.ghost", { onclick: async () => { await post("/api/logout", {}); location.reload(); }, "data-testid": "leave" }, t("login.leave")),
    store.may("kill") ? [h("button.kill.one", { "data-testid": "kill-class", onclick: () => void pull(code()) }, h("span", null), h("kbd", null, "F8")), h("button.kill", { "data-testid": "kill-all", onclick: () => void pull("*") }, t("kill.button"), h("kbd", null, "F9"))] : []);
  const stale = h("div.stale", { id: "stale", role: "alert", hidden: true });
  const bar = replayBar();
  bar.hidden = !store.may("replay") || (store.schema.live && !replaying);
  pane = h("div.pane");
  fill(app, top, stale, bar, pane);
  store.on("sys", header);
  store.on("classes", header);
  store.on("account", header);
  store.on("monitors", () => count("alerts", [...store.rows("monitors").values()].filter((row) => !row.acked_by).length));
  store.on("approvals", () => count("approve", [...store.rows("approvals").values()].filter((row) => row.waits).length));
  store.on("classes", () => count("rfq", [...store.rows("classes").values()].reduce((sum, row) => sum + row.asked, 0)));
  document.addEventListener("keydown", keys, true);
}

/** The pages beside the trading ones, one click away; the one that is open stands in the bar. */
function more(names: string[]): HTMLElement {
  const list = h("div.menu", { hidden: true, role: "menu" }, names.map((one) => h("a", { href: `#${one}`, "data-page": one, role: "menuitem" }, t(`page.${one}`))));
  const button = h("button.ghost", { "aria-haspopup": "menu", "aria-expanded": "false", "data-testid": "more", onclick: () => show(list.hidden) }, t("app.more"), " ▾");
  const show = (on: boolean) => {
    list.hidden = !on;
    button.setAttribute("aria-expanded", String(on));
    if (on) list.querySelector("a")?.focus();
  };
  const holder = h("span.more", { onkeydown: (event: Event) => { if ((event as KeyboardEvent).key === "Escape") { show(false); button.focus(); } } }, h("span.current"), button, list);
  document.addEventListener("click", (event) => !holder.contains(event.target as Node) && show(false));
  return holder;
}

function help(): void {
  const rows: [string, string][] = [["F9", "f9"], ["F8", "f8"], ["F2", "f2"], ["F4", "f4"], ["Alt+1…9", "alt"], ["↑ ↓ ← →", "arrows"], ["[  ]", "brackets"], ["Enter", "enter"], ["Space", "space"], ["O", "o"], ["0…9 .", "digits"]];
  dialog(t("keys.title"), (box) => box.append(h("table.big.keys", null, rows.map(([key, name_]) => h("tr", null, h("td", null, h("kbd", null, key)), h("td.left", null, t(`keys.${name_}`)))))));
}

const code = () => store.schema.classes[shared.klass]?.code ?? "*";
function count(one: string, number: number): void {
  const badge = document.querySelector<HTMLElement>(`[data-badge=${one}]`);
  if (!badge) return;
  badge.hidden = !number;
  text(badge, String(number));
}

function header(): void {
  const sys = store.one("sys"), money = store.one("account");
  const one = store.one("classes", code());
  const put = (selector: string, words: string, kind = "") => {
    const found = document.querySelector<HTMLElement>(selector);
    if (!found) return;
    text(found, words);
    if (kind) classes(found, kind);
  };
  if (sys) put(".top .clock", sys.clock);
  if (one) put(".top .phase", store.schema.phases[lang]![one.phase]!, `phase phase${one.phase}`);
  if (money) put(".top .money", `${t("und.pnl")} ${signed(money.pnl)}  ${t("money.margin")} ${money.usage === null ? "–" : `${(money.usage / 100).toFixed(1)}%`}`, `money ${tone(money.pnl)}`);
  const button = document.querySelector<HTMLElement>(".kill.one span");
  if (button) text(button, t("kill.scope", code()));
}

/** What is old is said to be old: the banner is red and the figures are grey until they move again. */
function pulse(): void {
  const silent = link.heard ? (performance.now() - link.heard) / 1000 : 0;
  const beat = link.pulse;
  const cut = silent > 3 || (!link.connected && link.heard > 0);
  const dead = Boolean(beat?.live && beat.engine > 3 && !replaying);
  const stuck = Boolean(beat && (beat.picture > 5 || beat.failed));
  const late = Boolean(beat?.live && (beat.behind ?? 0) > 3 && !replaying);
  const stale = document.querySelector<HTMLElement>("#stale")!;
  stale.hidden = !(cut || dead || stuck || late);
  if (cut) text(stale, t("stale.cut", Math.round(silent)));
  else if (dead) text(stale, t("stale.engine", Math.round(beat!.engine)));
  else if (stuck) text(stale, t("stale.picture", beat!.failed || Math.round(beat!.picture)));
  else if (late) text(stale, t("stale.behind", Math.round(beat!.behind!)));
  document.body.classList.toggle("old", cut || dead || stuck || late);
  const lamp = (one: string, kind: string, title: string) => {
    const found = document.querySelector<HTMLElement>(`[data-lamp=${one}]`);
    if (!found) return;
    classes(found, `lamp ${kind}`);
    found.title = title;
  };
  const rows = [...store.rows("classes").values()];
  const silentFeed = rows.filter((row) => row.stale).length;
  lamp("feed", silentFeed ? "bad" : rows.length ? "good" : "off", t("health.feed_age", rows.length ? Math.max(...rows.map((row) => row.age)) : 0));
  const line = store.one("sys")?.link ?? 0;
  lamp("line", line === 2 ? "good" : line === 1 ? "warn" : "bad", t(`line.s${line}`));
  lamp("engine", beat ? (beat.live ? (dead ? "bad" : "good") : "off") : "off", beat?.live ? t("health.engine_age", beat.engine) : t("health.over"));
  lamp("screen", cut ? "bad" : "good", t("health.screen_age", silent.toFixed(1)));
  const offset = document.querySelector<HTMLElement>(".delay")!;
  text(offset, beat ? t("health.offset", signed(Math.round(link.delay))) : "");
  classes(offset, `delay ${Math.abs(link.delay) > OFF_MS ? "alarm" : "dim"}`);
  clocks();
}

/** The server's clock: against the exchange's stamps, and whether a source disciplines it. */
function clocks(): void {
  const beat = link.pulse;
  const feed = document.querySelector<HTMLElement>("[data-testid=feed-offset]")!, ntp = document.querySelector<HTMLElement>("[data-testid=ntp]")!;
  feed.hidden = beat?.feed_ms === undefined || beat.feed_ms === null;
  if (!feed.hidden) text(feed, t("health.feed_offset", signed(beat!.feed_ms!)));
  classes(feed, `delay feed ${{ red: "alarm", amber: "warn" }[beat?.feed_level ?? ""] ?? "dim"}`);
  ntp.hidden = !beat?.ntp;
  if (beat?.ntp) {
    text(ntp, t(`health.ntp_${beat.ntp}`));
    ntp.title = t("health.ntp_long", signed(beat.ntp_ms ?? 0));
  }
  classes(ntp, `delay ntp ${{ unsynced: "warn", unknown: "warn" }[beat?.ntp ?? ""] ?? "dim"}`);
}

function replayBar(): HTMLElement {
  const { first, last } = store.schema;
  const slider = h("input", { type: "range", min: String(first), max: String(last), value: String(last), "aria-label": t("replay.time"), "data-testid": "slider" });
  const time = h("b.time"), speed = h("span.speeds");
  let held = false;
  const go = (fields: Record<string, unknown>) => void post("/api/replay", { scene: store.scene, ...fields });
  slider.oninput = () => { held = true; text(time, clock(Number(slider.value))); };
  slider.onchange = () => { held = false; go({ at: clock(Number(slider.value)), speed: 0 }); };
  const step = (seconds: number) => { const to = Math.min(last, Math.max(first, Number(slider.value) + seconds)); slider.value = String(to); go({ at: clock(to) }); };
  fill(speed, [0, 1, 5, 20, 60].map((one) => h("button.tiny", { "data-speed": one, onclick: () => go({ speed: one }) }, one ? `×${one}` : "❚❚")));
  const marks = h("div.marks");
  const part = (at: number) => `${((at - first) / Math.max(1, last - first)) * 100}%`;
  for (const [start, stop, phase] of store.schema.spans) if (stop > first && start < last) marks.append(h(`i.span`, { className: `span p${phase}`, title: store.schema.phases[lang]![phase], style: { left: part(Math.max(first, start)), width: `${((Math.min(last, stop) - Math.max(first, start)) / Math.max(1, last - first)) * 100}%` } }));
  if (store.may("alerts")) void get(`/api/table/alerts?limit=2000`).then((found: { columns: string[]; rows: unknown[][] }) => {
    const at = found.columns?.indexOf("at"), level = found.columns?.indexOf("level"), words = found.columns?.indexOf(lang);
    for (const row of found.rows ?? []) {
      const [hour, minute, second] = String(row[at]).split(":").map(Number);
      const when = hour! * 3600 + minute! * 60 + second!;
      if (when >= first) marks.append(h("i.mark", { className: `mark l${row[level]}`, title: `${row[at]} ${row[words]}`, style: { left: part(when) } }));
    }
  });
  store.on("sys", () => {
    const sys = store.one("sys");
    if (!sys || held) return;
    slider.value = String(sys.at);
    text(time, sys.clock);
    for (const one of speed.querySelectorAll<HTMLElement>("[data-speed]")) one.classList.toggle("on", Number(one.dataset.speed) === sys.speed);
  });
  return h("div.replay", { id: "replay" }, h("b.tag", null, t("page.replay")), h("span.dim", null, `${store.schema.day} ${store.schema.scenario}`), speed, h("button.tiny", { onclick: () => step(-60), title: "-1 min" }, "◀"), h("button.tiny", { onclick: () => step(60), title: "+1 min" }, "▶"), h("div.track", null, marks, slider), time);
}

function keys(event: KeyboardEvent): void {
  if (event.repeat && (event.code === "F8" || event.code === "F9")) return event.preventDefault();
  if (event.code === "F9" && store.may("kill")) void pull("*");
  else if (event.code === "F8" && store.may("kill")) void pull(code());
  else if (event.code === "F2") { if (name !== "trade") location.hash = "trade"; setTimeout(() => shared.board?.focus(), 0); }
  else if (event.code === "F4" && store.may("parameter")) edit([[code(), code()], ["*", t("param.all")]]);
  else if (event.altKey && /^Digit[1-9]$/.test(event.code)) { if (name !== "trade") location.hash = "trade"; const klass = Number(event.code.slice(5)) - 1; setTimeout(() => shared.choose(klass), 0); }
  else return;
  event.preventDefault();
  event.stopPropagation();
}

boot().catch((error) => { console.error(error); note(String(error), "bad"); });
