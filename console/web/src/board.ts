// The T-board: calls left, puts right, one line a strike, grouped by expiry. No framework: a pool of
// lines is moved over what is in sight and only cells that differ are written.
import { classes, h, text } from "./dom";
import { EMPTY, scaled, whole } from "./format";
import { store, type Board, type Contract } from "./store";
import { lang, t } from "./words";

const ROW = 21;
export const LEFT = ["lamp", "net", "delta", "iv", "part", "spread", "my_bid_qty", "my_bid", "bid_qty", "bid", "ask", "ask_qty", "my_ask", "my_ask_qty", "theo"];
const RIGHT = ["theo", "my_bid_qty", "my_bid", "bid_qty", "bid", "ask", "ask_qty", "my_ask", "my_ask_qty", "spread", "part", "iv", "delta", "net", "lamp"];
const MORE = ["auction", "auction_qty", "width", "quote_qty", "bid_iv", "ask_iv", "last", "volume", "interest", "gamma", "vega", "theta", "pnl"];
const WIDTHS: Record<string, number> = { lamp: 26, net: 38, delta: 43, iv: 41, part: 42, spread: 41, width: 46, quote_qty: 40, my_bid_qty: 28, my_ask_qty: 28, bid_qty: 34, ask_qty: 34, volume: 54, interest: 54, pnl: 60 };
const FIXED = 56;
const PRICE = 47;
/** Dropped in this order while the board is wider than its place. */
const GIVE_WAY = ["my_bid_qty", "my_ask_qty", "part", "ask_qty", "bid_qty", "delta"];

export interface Strike { group: Group; strike: number; adjusted: boolean; call: Contract | null; put: Contract | null; }
export interface Group { month: string; scope: string; days: number; lastDay: number; strikes: Strike[]; }
type Line = Group | Strike;
const isGroup = (one: Line): one is Group => "strikes" in one;

export interface Picked { strike: Strike; side: "call" | "put"; contract: Contract; }
export interface Handlers { pick: (picked: Picked) => void; edit: (picked: Picked) => void; toggle: (picked: Picked) => void; group: (scope: string, on: boolean) => void; order: (picked: Picked, column: string) => void; }

export class TBoard {
  readonly element: HTMLElement;
  private body = h("div.tb-body", { tabIndex: 0, "data-testid": "board", role: "grid" });
  private space = h("div.tb-space");
  private head = h("div.tb-head", { role: "row" });
  private lines: Line[] = [];
  private closed = new Set<string>();
  private pool: PoolLine[] = [];
  private klass = 0;
  private groups: Group[] = [];
  private left: string[] = [];
  private right: string[] = [];
  private template = "";
  private chosen: Picked | null = null;
  private watch: ResizeObserver;
  private extra: string[] = JSON.parse(localStorage.getItem("columns") ?? "[]");

  constructor(private readonly handlers: Handlers) {
    this.element = h("section.tboard", null, this.head, this.body);
    this.body.append(this.space);
    this.body.addEventListener("scroll", () => this.paint());
    this.body.addEventListener("keydown", (event) => this.key(event));
    this.watch = new ResizeObserver(() => this.layout());
    this.watch.observe(this.body);
  }
  destroy(): void {
    this.watch.disconnect();
  }
  focus(): void {
    this.body.focus();
    if (!this.chosen) this.move(0, 0);
  }
  get picked(): Picked | null {
    return this.chosen;
  }
  show(klass: number): void {
    this.klass = klass;
    const item = store.schema.classes[klass]!;
    const months = new Map<string, Group>();
    for (let slot = item.start; slot < item.stop; slot++) {
      const one = store.schema.contracts[slot]!;
      const month = String(Math.floor(one.lastDay / 100) % 10_000).padStart(4, "0");
      let group = months.get(month);
      if (!group) months.set(month, (group = { month, scope: `${item.code}-${month}`, days: one.days, lastDay: one.lastDay, strikes: [] }));
      let strike = group.strikes.find((row) => row.strike === one.strike && row.adjusted === one.adjusted);
      if (!strike) group.strikes.push((strike = { group, strike: one.strike, adjusted: one.adjusted, call: null, put: null }));
      if (one.kind === "C") strike.call = one;
      else strike.put = one;
    }
    this.groups = [...months.values()].sort((a, b) => a.lastDay - b.lastDay);
    for (const group of this.groups) group.strikes.sort((a, b) => a.strike - b.strike || Number(a.adjusted) - Number(b.adjusted));
    this.chosen = null;
    this.relist();
    this.body.scrollTop = this.nearMoney();
  }
  /** So that a short screen begins at the money of the first expiry. */
  private nearMoney(): number {
    const spot = store.one("classes", store.schema.classes[this.klass]!.code)?.last ?? 0;
    const first = this.groups[0];
    if (!first || !spot) return 0;
    const at = first.strikes.findIndex((row) => row.strike >= spot);
    return Math.max(0, (at + 1) * ROW - this.body.clientHeight / 2);
  }
  private relist(): void {
    this.lines = this.groups.flatMap((group): Line[] => (this.closed.has(group.month) ? [group] : [group, ...group.strikes]));
    this.space.style.height = `${this.lines.length * ROW}px`;
    for (const line of this.pool) line.what = null;
    this.layout();
  }
  private layout(): void {
    const room = this.body.clientWidth;
    const width = (names: string[]) => names.reduce((sum, name) => sum + (WIDTHS[name] ?? PRICE), 0);
    let left = [...LEFT.slice(0, 6), ...this.extra, ...LEFT.slice(6)];
    let right = [...RIGHT.slice(0, 9), ...[...this.extra].reverse(), ...RIGHT.slice(9)];
    for (const name of GIVE_WAY) {
      if (width(left) + width(right) + FIXED <= room) break;
      left = left.filter((one) => one !== name);
      right = right.filter((one) => one !== name);
    }
    const key = [...left, ...right].join();
    const part = (names: string[]) => names.map((name) => `minmax(${WIDTHS[name] ?? PRICE}px, ${name === "lamp" ? 0.6 : 1}fr)`).join(" ");
    this.template = `${part(left)} ${FIXED}px ${part(right)}`;
    if (key !== [...this.left, ...this.right].join() || !this.head.firstChild) {
      this.left = left;
      this.right = right;
      this.space.replaceChildren();
      this.pool = [];
      const title = (name: string, side: string) => h("span.th", { title: t(`column_long.${name}`), "data-col": name, "data-side": side }, t(`column.${name}`));
      this.head.replaceChildren(...left.map((name) => title(name, "call")), h("span.th.strike", { title: t("board.choose"), onclick: () => this.choose() }, t("board.strike"), " ⚙"), ...right.map((name) => title(name, "put")));
    }
    this.head.style.gridTemplateColumns = this.template;
    this.space.style.setProperty("--tb", this.template);
    this.paint();
  }
  private choose(): void {
    this.element.querySelector(".chooser")?.remove();
    const box = h("div.chooser", null, MORE.map((name) => h("label", null, h("input", {
      type: "checkbox", checked: this.extra.includes(name),
      onchange: (event: Event) => {
        this.extra = (event.target as HTMLInputElement).checked ? [...this.extra, name] : this.extra.filter((one) => one !== name);
        localStorage.setItem("columns", JSON.stringify(this.extra));
        this.layout();
      },
    }), t(`column_long.${name}`))), h("button", { onclick: () => box.remove() }, t("app.close")));
    this.element.append(box);
  }
  paint(): void {
    const board = store.boards.get(this.klass);
    const first = Math.max(0, Math.floor(this.body.scrollTop / ROW));
    const room = Math.min(this.lines.length - first, Math.ceil(this.body.clientHeight / ROW) + 1);
    while (this.pool.length < room) {
      const made = new PoolLine(this.left, this.right, this.handlers, (picked) => this.choose_one(picked), (group) => this.fold(group));
      this.pool.push(made);
      this.space.append(made.element);
    }
    const spot = store.one("classes", store.schema.classes[this.klass]!.code)?.last ?? 0;
    const start = store.schema.classes[this.klass]!.start;
    this.pool.forEach((line, n) => {
      const what = n < room ? this.lines[first + n]! : null;
      line.element.hidden = !what;
      if (!what) return;
      line.element.style.transform = `translateY(${(first + n) * ROW}px)`;
      if (isGroup(what)) line.group(what, this.closed.has(what.month), board, start);
      else line.strike(what, board, start, spot, this.chosen);
    });
  }
  private fold(group: Group): void {
    if (!this.closed.delete(group.month)) this.closed.add(group.month);
    this.relist();
  }
  private choose_one(picked: Picked): void {
    this.chosen = picked;
    this.handlers.pick(picked);
    this.paint();
  }
  private move(rows: number, side: number): void {
    const strikes = this.lines.filter((one): one is Strike => !isGroup(one));
    if (!strikes.length) return;
    const now = this.chosen ? strikes.indexOf(this.chosen.strike) : Math.floor(this.body.scrollTop / ROW);
    const to = strikes[Math.min(strikes.length - 1, Math.max(0, now + rows))]!;
    const want = side ? (side < 0 ? "call" : "put") : (this.chosen?.side ?? "call");
    const contract = to[want] ?? to.call ?? to.put;
    if (!contract) return;
    const top = this.lines.indexOf(to) * ROW;
    if (top < this.body.scrollTop) this.body.scrollTop = top - ROW;
    else if (top + 2 * ROW > this.body.scrollTop + this.body.clientHeight) this.body.scrollTop = top + 2 * ROW - this.body.clientHeight;
    this.choose_one({ strike: to, side: contract.kind === "C" ? "call" : "put", contract });
  }
  /** To the first strike of the expiry before or after. */
  expiry(step: number): void {
    const now = this.groups.findIndex((group) => group === (this.chosen?.strike.group ?? this.groups[0]));
    const to = this.groups[Math.min(this.groups.length - 1, Math.max(0, now + step))];
    if (!to) return;
    this.closed.delete(to.month);
    this.relist();
    const spot = store.one("classes", store.schema.classes[this.klass]!.code)?.last ?? 0;
    const strike = to.strikes.find((row) => row.strike >= spot) ?? to.strikes[0]!;
    this.body.scrollTop = this.lines.indexOf(to) * ROW;
    const contract = strike.call ?? strike.put!;
    this.choose_one({ strike, side: contract.kind === "C" ? "call" : "put", contract });
  }
  /** 智能键盘: what is typed finds contracts by code, trading code or strike. */
  private finder(first: string): void {
    this.element.querySelector(".finder")?.remove();
    const item = store.schema.classes[this.klass]!;
    const found = h("div.found");
    let hits: Contract[] = [];
    const look = () => {
      const words = input.value.trim().toUpperCase();
      hits = words ? store.schema.contracts.slice(item.start, item.stop).filter((one) => one.code.includes(words) || one.name.includes(words) || (one.strike / 10_000).toFixed(3).startsWith(words)).slice(0, 10) : [];
      found.replaceChildren(...hits.map((one) => h("button", { onclick: () => take(one) }, `${one.name} `, h("span.dim", null, one.code))));
    };
    const take = (one: Contract | undefined) => {
      box.remove();
      this.body.focus();
      if (one) this.jump(one);
    };
    const input = h("input", { value: first, "aria-label": t("keys.digits"), oninput: look, onkeydown: (event: KeyboardEvent) => {
      if (event.isComposing) return;
      if (event.key === "Enter") take(hits[0]);
      else if (event.key === "Escape") take(undefined);
      else return;
      event.preventDefault();
      event.stopPropagation();
    } });
    const box = h("div.finder", { "data-testid": "finder" }, input, found);
    this.element.append(box);
    input.focus();
    look();
  }
  private jump(contract: Contract): void {
    const strike = this.groups.flatMap((group) => group.strikes).find((row) => row.call === contract || row.put === contract);
    if (!strike) return;
    this.closed.delete(strike.group.month);
    this.relist();
    this.body.scrollTop = Math.max(0, this.lines.indexOf(strike) * ROW - this.body.clientHeight / 2);
    this.choose_one({ strike, side: contract.kind === "C" ? "call" : "put", contract });
  }
  private key(event: KeyboardEvent): void {
    const moves: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-15, 0], PageDown: [15, 0] };
    const step = moves[event.code];
    if (step) this.move(...step);
    else if (event.code === "BracketLeft") this.expiry(-1);
    else if (event.code === "BracketRight") this.expiry(1);
    else if (event.code === "Enter" && this.chosen) this.handlers.edit(this.chosen);
    else if (event.code === "Space" && this.chosen) this.handlers.toggle(this.chosen);
    else if (event.code === "KeyO" && this.chosen && !event.ctrlKey) this.handlers.order(this.chosen, "");
    else if (!event.ctrlKey && !event.altKey && !event.metaKey && /^[0-9.]$/.test(event.key)) this.finder(event.key);
    else return;
    event.preventDefault();
  }
}

class PoolLine {
  readonly element = h("div.tb-row", { role: "row" });
  what: Line | null = null;
  private cells: HTMLElement[] = [];
  private names: string[];
  private label = h("span.tb-group");
  private mode = "";
  constructor(private readonly left: string[], right: string[], private readonly handlers: Handlers, private readonly pick: (picked: Picked) => void, private readonly fold: (group: Group) => void) {
    this.names = [...left, "strike", ...right];
    this.cells = this.names.map((name, n) => h("span.td", { role: "gridcell", "data-col": name, "data-side": n < left.length ? "call" : n > left.length ? "put" : "" }));
    this.element.addEventListener("mousedown", (event) => this.click(event));
    this.element.addEventListener("dblclick", (event) => this.twice(event));
  }
  private under(event: Event): Picked | null {
    if (!this.what || isGroup(this.what)) return null;
    const cell = (event.target as Element).closest<HTMLElement>(".td");
    const side = cell?.dataset.side === "put" ? "put" : "call";
    const contract = this.what[side];
    return contract ? { strike: this.what, side, contract } : null;
  }
  private click(event: Event): void {
    const picked = this.under(event);
    if (picked) {
      this.pick(picked);
      if ((event.target as Element).closest<HTMLElement>(".td")?.dataset.col === "lamp") this.handlers.toggle(picked);
    } else if (this.what && isGroup(this.what) && !(event.target as Element).closest("button")) this.fold(this.what);
  }
  private twice(event: Event): void {
    const picked = this.under(event);
    const column = (event.target as Element).closest<HTMLElement>(".td")?.dataset.col ?? "";
    if (picked && ["bid", "ask", "bid_qty", "ask_qty", "last", "theo"].includes(column)) this.handlers.order(picked, column);
    else if (picked) this.handlers.edit(picked);
  }
  private set(mode: string): void {
    if (this.mode === mode) return;
    this.mode = mode;
    if (mode === "group") this.element.replaceChildren(this.label);
    else this.element.replaceChildren(...this.cells);
  }
  group(group: Group, closed: boolean, board: Board | undefined, start: number): void {
    this.set("group");
    classes(this.element, "tb-row tb-grouprow");
    const lamp = store.column.get("lamp")!, net = store.column.get("net")!, vega = store.column.get("vega")!;
    let quoted = 0, wanted = 0, position = 0, risk = 0;
    for (const strike of group.strikes) for (const one of [strike.call, strike.put]) {
      if (!one || !board) continue;
      const state = board.at(one.slot - start, lamp), held = board.at(one.slot - start, net), each = board.at(one.slot - start, vega);
      if (state !== EMPTY && state !== 0 && state !== 7) wanted++;
      if (state === 3) quoted++;
      if (held !== EMPTY) position += held;
      if (held !== EMPTY && each !== EMPTY) risk += (held * each) / 100;
    }
    const year = Math.floor(Number(group.month) / 100), month = Number(group.month) % 100;
    const name = lang === "en" ? `20${year}-${String(month).padStart(2, "0")}` : `${year}年${month}月`;
    const key = [name, closed, quoted, wanted, position, Math.round(risk)].join();
    if (this.what === group && this.label.dataset.key === key) return;
    this.what = group;
    this.label.dataset.key = key;
    const buttons = store.may("quoting") ? [
      h("button.tiny", { onclick: () => this.handlers.group(group.scope, true) }, t("board.all_on")), h("button.tiny", { onclick: () => this.handlers.group(group.scope, false) }, t("board.all_off"))] : [];
    this.label.replaceChildren(h("span.fold", null, closed ? "▸" : "▾"), h("b", null, name), h("span.dim", null, t("board.left", group.days)), ...buttons,
      h("span.dim", null, t("board.quoted"), " "), h("span", { className: quoted === wanted ? "good" : "warn" }, `${quoted}/${wanted}`), h("span.dim", null, t("board.net"), " ", whole(position)), h("span.dim", null, "Vega ", whole(Math.round(risk))));
  }
  strike(row: Strike, board: Board | undefined, start: number, spot: number, chosen: Picked | null): void {
    this.set("strike");
    this.what = row;
    classes(this.element, `tb-row${chosen?.strike === row ? " chosen" : ""}`);
    this.element.dataset.strike = String(row.strike);
    const middle = this.left.length;
    for (let n = 0; n < this.names.length; n++) {
      const cell = this.cells[n]!, name = this.names[n]!;
      if (n === middle) {
        text(cell, (row.strike / 10_000).toFixed(3) + (row.adjusted ? "A" : ""));
        classes(cell, "td strike");
        continue;
      }
      const side = n < middle ? "call" : "put";
      const contract = row[side];
      const inside = side === "call" ? row.strike < spot : row.strike > spot;
      const tint = (inside ? ` ${side}-in` : ` ${side}`) + (chosen?.strike === row && chosen.side === side ? " picked" : "");
      if (!contract || !board) {
        text(cell, "");
        classes(cell, `td${tint}`);
        continue;
      }
      const place = store.column.get(name)!;
      const at = (contract.slot - start) * board.columns + place;
      const value = board.cells[at]!;
      if (name === "lamp") {
        const asked = board.at(contract.slot - start, store.column.get("asked")!) !== EMPTY;
        text(cell, value === EMPTY ? "" : LAMPS[value]!);
        classes(cell, `td lamp lamp${value}${asked ? " asked" : ""}${tint}`);
        if (cell.title !== LAMP_TITLES[value]) cell.title = LAMP_TITLES[value] ?? "";
        continue;
      }
      text(cell, value === EMPTY ? "" : name === "net" && value === 0 ? "" : scaled(value, store.schema.columns[place]![1]));
      classes(cell, `td ${this.tone(name, value, board.moves[at]!)}${tint}`);
    }
  }
  private tone(name: string, value: number, move: number): string {
    switch (name) {
      case "bid": case "ask": case "last": return move > 0 ? "up" : move < 0 ? "down" : "flat";
      case "my_bid": case "my_ask": case "my_bid_qty": case "my_ask_qty": return "own";
      case "theo": return "theo";
      case "net": case "pnl": return value === EMPTY ? "" : value > 0 ? "up" : "down";
      case "iv": case "bid_iv": case "ask_iv": return "vol";
      case "delta": case "gamma": case "vega": case "theta": return "greek";
      case "spread": return value === EMPTY ? "" : value > 1000 ? "alarm" : value > 900 ? "warn" : "dim";
      case "part": return value === EMPTY ? "" : value < 800 ? "alarm" : value < 850 ? "warn" : "dim";
      default: return "dim";
    }
  }
}

const LAMPS = ["○", "–", "◐", "●", "◌", "✕", "■", "◒"];
const LAMP_TITLES: string[] = [];
export function nameLamps(): void {
  for (let n = 0; n < LAMPS.length; n++) LAMP_TITLES[n] = t(`lamp.l${n}`);
}
