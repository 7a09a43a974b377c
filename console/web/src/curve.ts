// The vol curve of an expiry as SVG: the market's vols, the curve that prices, what a shift would do.
import { fill, h, svg } from "./dom";
import { store, type Row } from "./store";
import { command } from "./commands";
import { t } from "./words";

const W = 376, H = 212, L = 38, R = 14, T = 8, B = 20;

export class Curve {
  readonly element = h("section.panel.curve", { "data-testid": "curve" });
  private klass = 0;
  private expiry = "";
  private chart = svg("svg", { viewBox: `0 0 ${W} ${H}`, class: "chart", role: "img" });
  private tabs = h("div.tabs");
  private facts = h("div.facts");
  private level = h("input", { type: "number", step: 0.05, value: "0", "aria-label": t("curve.level"), oninput: () => this.paint() });
  private drag: { y: number; from: number; perPixel: number } | null = null;
  private scale: ((vol: number) => number) | null = null;

  constructor() {
    const send = h("button.tiny", { onclick: () => void this.send(), disabled: !store.may("parameter") }, t("curve.send"));
    const clear = h("button.tiny", { onclick: () => { this.level.value = "0"; this.paint(); } }, t("curve.clear"));
    this.element.append(h("header", null, h("b", null, t("curve.title")), h("span.legend", null, h("i.ask", null, "▼"), t("curve.ask"), h("i.bid", null, "▲"), t("curve.bid"), h("i.fit", null, "—"), t("curve.fit"))),
      this.tabs, this.chart, this.facts, h("div.shift", null, h("label", null, t("curve.level"), this.level, "%"), send, clear, h("span.dim", null, t("curve.hint"))));
    this.chart.addEventListener("pointerdown", (event) => this.grab(event as PointerEvent));
    this.chart.addEventListener("pointermove", (event) => this.pull(event as PointerEvent));
    this.chart.addEventListener("pointerup", () => (this.drag = null));
  }
  show(klass: number, expiry = ""): void {
    if (klass === this.klass && (!expiry || expiry === this.expiry)) return this.paint();
    this.klass = klass;
    this.expiry = expiry;
    this.level.value = "0";
    this.paint();
  }
  private async send(): Promise<void> {
    const shift = Math.round(Number(this.level.value) * 10_000);
    const now = store.one("settings", "curve_level")?.set?.[this.expiry] ?? 0;
    const reply = await command("parameter", { scope: this.expiry, name: "curve_level", value: now + shift });
    if (reply.ok) this.level.value = "0";
  }
  private grab(event: PointerEvent): void {
    if (!this.scale || !store.may("parameter")) return;
    const box = this.chart.getBoundingClientRect();
    const perUnit = Math.abs(this.scale(0) - this.scale(100)) / 100;
    this.drag = { y: event.clientY, from: Number(this.level.value), perPixel: H / box.height / perUnit / 100 };
    this.chart.setPointerCapture(event.pointerId);
  }
  private pull(event: PointerEvent): void {
    if (!this.drag) return;
    this.level.value = (this.drag.from + (this.drag.y - event.clientY) * this.drag.perPixel).toFixed(2);
    this.paint();
  }
  paint(): void {
    const rows = store.rows(`curve/${this.klass}`);
    if (!rows.has(this.expiry)) this.expiry = [...rows.keys()][0] ?? "";
    const row = rows.get(this.expiry);
    fill(this.tabs, [...rows.keys()].map((name) => h("button", { className: name === this.expiry ? "on" : "", onclick: () => this.show(this.klass, name) }, name.slice(7))));
    if (!row) return this.chart.replaceChildren();
    this.draw(row, [...rows].filter(([name]) => name !== this.expiry).map(([, one]) => one));
    const fact = (name: string, value: string, tone = "") => h("span", null, h("i", null, name), h("b", { className: tone }, value));
    const calm = row.rung === "own" || row.rung === "repaired";
    fill(this.facts, fact(t("curve.atm"), row.atm === null ? "–" : `${(row.atm / 100).toFixed(2)}%`), fact(t("curve.forward"), row.forward === null ? "–" : (row.forward / 10_000).toFixed(4)),
      fact(t("curve.model"), ["", "wing", "svi", "ssvi", "cubic"][row.model] ?? String(row.model)), fact(t("curve.rung"), t(`rung.${row.rung}`), calm ? "" : "warn"), fact(t("curve.version"), String(row.version)), fact(t("curve.days"), String(row.days)));
  }
  private draw(row: Row, others: Row[]): void {
    const strikes = row.strikes as number[];
    const all = [...row.fit, ...row.bid, ...row.ask].filter((one: number | null): one is number => one !== null);
    if (strikes.length < 2 || !all.length) return this.chart.replaceChildren(svg("text", { x: W / 2, y: H / 2, class: "none" }, t("curve.none")));
    const shift = Math.round(Number(this.level.value) * 100);
    const fits = (row.fit as (number | null)[]).filter((one): one is number => one !== null);
    // Wild vols of far strikes must not flatten the curve: the market counts within twice the curve's span.
    const low0 = Math.min(...fits, ...(fits.length ? [] : all)), high0 = Math.max(...fits, ...(fits.length ? [] : all));
    const room = Math.max(60, (high0 - low0) * 0.25);
    const low = Math.min(low0, low0 + shift) - room, high = Math.max(high0, high0 + shift) + room;
    const first = strikes[0]!, last = strikes[strikes.length - 1]!;
    const x = (strike: number) => L + 8 + ((strike - first) / (last - first)) * (W - L - R - 8);
    const y = (vol: number) => T + ((high - vol) / (high - low)) * (H - T - B);
    this.scale = y;
    const parts: SVGElement[] = [];
    const step = [50, 100, 200, 500, 1000, 2000].find((one) => (high - low) / one <= 6) ?? 5000;
    for (let vol = Math.ceil(low / step) * step; vol <= high; vol += step) parts.push(svg("line", { x1: L, x2: W - R, y1: y(vol), y2: y(vol), class: "rule" }), svg("text", { x: L - 4, y: y(vol) + 3, class: "y" }, `${(vol / 100).toFixed(step < 100 ? 1 : 0)}%`));
    const every = Math.ceil(strikes.length / 7);
    strikes.forEach((strike, n) => n % every === 0 && parts.push(svg("text", { x: x(strike), y: H - 6, class: "x" }, (strike / 10_000).toFixed(2))));
    if (row.forward >= first && row.forward <= last) parts.push(svg("line", { x1: x(row.forward), x2: x(row.forward), y1: T, y2: H - B, class: "forward" }));
    const path = (one: Row, by: number) => {
      const points = (one.strikes as number[]).map((strike, n): [number, number | null] => [strike, one.fit[n]]).filter(([strike, vol]) => vol !== null && strike >= first && strike <= last);
      return points.map(([strike, vol], n) => `${n ? "L" : "M"}${x(strike).toFixed(1)} ${y(vol! + by).toFixed(1)}`).join("");
    };
    for (const other of others) parts.push(svg("path", { d: path(other, 0), class: "other" }));
    parts.push(svg("path", { d: path(row, 0), class: "fit" }));
    if (shift) parts.push(svg("path", { d: path(row, shift), class: "preview" }));
    strikes.forEach((strike, n) => {
      const bid = row.bid[n], ask = row.ask[n], at = x(strike);
      if (bid !== null && bid >= low && bid <= high) parts.push(svg("path", { d: `M${at - 3} ${y(bid) + 5}h6l-3 -5z`, class: "bid" }));
      if (ask !== null && ask >= low && ask <= high) parts.push(svg("path", { d: `M${at - 3} ${y(ask) - 5}h6l-3 5z`, class: "ask" }));
      if (row.fit[n] !== null) parts.push(svg("circle", { cx: at, cy: y(row.fit[n]), r: 1.8, class: "point" }));
    });
    const clip = svg("clipPath", { id: "frame" }, svg("rect", { x: L, y: T, width: W - L, height: H - T - B }));
    const inside = svg("g", { "clip-path": "url(#frame)" }, ...parts.filter((one) => one.tagName !== "text"));
    this.chart.replaceChildren(clip, inside, ...parts.filter((one) => one.tagName === "text"));
  }
}
