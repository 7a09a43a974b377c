// Tables of keyed rows, newest first or sorted; only the rows in sight are in the document.
import { classes, h, text } from "./dom";
import { store, type Row } from "./store";
import { t } from "./words";

export interface Column {
  name: string; title: string; width: number; show: (row: Row) => string;
  tone?: (row: Row) => string; sort?: (row: Row) => number | string; left?: boolean; grow?: boolean;
  /** The whole text also as a hint: it may be cut. */
  hint?: boolean;
}
export interface Options {
  channel: string; columns: Column[]; csv?: string; save?: () => string; filter?: (row: Row) => boolean; pick?: (row: Row) => void; act?: (row: Row) => HTMLElement | null;
  actTitle?: string; actWidth?: number; tools?: HTMLElement[]; testid?: string; rowTone?: (row: Row) => string; newest?: boolean;
  /** Column and direction of the first order; words where there is no row. */
  start?: [string, boolean]; empty?: string;
}
const ROW = 22;

export class Grid {
  readonly element: HTMLElement;
  private body: HTMLElement;
  private space: HTMLElement;
  private count = h("span.count");
  private none = h("p.none", { hidden: true });
  private pool: { element: HTMLElement; cells: HTMLElement[]; key: string; row: Row | null }[] = [];
  private shown: [string, Row][] = [];
  private sort = -1;
  private down = true;
  private find = "";
  private stop: () => void;
  private watch: ResizeObserver;

  constructor(private readonly options: Options) {
    const { columns } = options;
    const grid = columns.map((one) => (one.grow ? `minmax(${one.width}px, 1fr)` : `${one.width}px`)).join(" ") + (options.act ? ` ${options.actWidth ?? 150}px` : "");
    const heads = columns.map((one, n) => h("span.th", { role: "columnheader", onclick: () => this.order(n) }, one.title));
    columns.forEach((one, n) => one.left && heads[n]!.classList.add("left"));
    if (options.act) heads.push(h("span.th.left", null, options.actTitle ?? ""));
    const head = h("div.grid-head", { role: "row", style: { gridTemplateColumns: grid } }, heads);
    this.space = h("div.grid-space");
    this.body = h("div.grid-body", { onscroll: () => this.paint(), tabIndex: 0 }, this.space, this.none);
    text(this.none, options.empty ?? t("app.nothing"));
    const search = h("input.search", { placeholder: t("grid.find"), "aria-label": t("grid.find"), oninput: (event: Event) => { this.find = (event.target as HTMLInputElement).value.trim().toUpperCase(); this.take(); } });
    const csv = options.csv || options.save ? h("button.button.tiny", { onclick: () => this.save() }, t("grid.csv")) : null;
    this.element = h("section.grid", { role: "grid", "data-testid": options.testid ?? options.channel }, h("div.grid-tools", null, options.tools ?? [], search, this.count, h("span.gap"), csv), h("div.grid-wide", null, head, this.body));
    this.element.style.setProperty("--columns", grid);
    // Wider than its place, a table moves sideways whole: headings and rows together.
    const least = `${columns.reduce((sum, one) => sum + one.width, options.act ? (options.actWidth ?? 150) : 0) + 9}px`;
    head.style.minWidth = this.body.style.minWidth = least;
    if (options.start) this.order(columns.findIndex((one) => one.name === options.start![0]), options.start[1]);
    this.stop = store.on(options.channel, () => this.take());
    this.watch = new ResizeObserver(() => this.paint());
    this.watch.observe(this.body);
    this.take();
  }
  destroy(): void {
    this.stop();
    this.watch.disconnect();
  }
  refilter(): void {
    this.take();
  }
  private save(): void {
    const { csv, save } = this.options;
    const a = h("a", { href: save ? save() : `/api/csv/${csv}?${new URLSearchParams({ scene: store.scene, find: this.find })}`, download: save ? "" : `${csv}.csv` });
    a.click();
  }
  private order(column: number, down = true): void {
    if (this.sort === column) {
      if (this.down) this.down = false;
      else this.sort = -1;
    } else {
      this.sort = column;
      this.down = down;
    }
    [...this.element.querySelectorAll(".th")].forEach((one, n) => one.setAttribute("aria-sort", n === this.sort ? (this.down ? "descending" : "ascending") : "none"));
    this.take();
  }
  private take(): void {
    let found = [...store.rows(this.options.channel)];
    const { filter, columns } = this.options;
    if (filter) found = found.filter(([, row]) => filter(row));
    if (this.find) found = found.filter(([, row]) => columns.some((one) => one.show(row).toUpperCase().includes(this.find)));
    if (this.sort >= 0) {
      const column = columns[this.sort]!;
      const value = column.sort ?? ((row: Row) => column.show(row));
      const sign = this.down ? -1 : 1;
      found.sort(([, a], [, b]) => {
        const x = value(a), y = value(b);
        return x < y ? -sign : x > y ? sign : 0;
      });
    } else if (this.options.newest) found.sort(([, a], [, b]) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
    this.shown = found;
    text(this.count, t("grid.rows", found.length));
    this.space.style.height = `${found.length * ROW}px`;
    this.none.hidden = found.length > 0;
    this.paint();
  }
  private paint(): void {
    const first = Math.floor(this.body.scrollTop / ROW);
    const room = Math.min(this.shown.length - first, Math.ceil(this.body.clientHeight / ROW) + 1);
    while (this.pool.length < room) this.pool.push(this.line());
    this.pool.forEach((line, n) => {
      const found = n < room ? this.shown[first + n] : undefined;
      line.element.hidden = !found;
      if (!found) return;
      const [key, row] = found;
      line.element.style.transform = `translateY(${(first + n) * ROW}px)`;
      if (line.key === key && line.row === row) return;
      line.key = key;
      line.row = row;
      line.element.dataset.key = key;
      classes(line.element, `grid-row ${(first + n) % 2 ? "odd" : ""} ${this.options.rowTone?.(row) ?? ""}`);
      this.options.columns.forEach((column, c) => {
        const cell = line.cells[c]!;
        text(cell, column.show(row));
        if (column.hint) cell.title = String(row[column.name] ?? column.show(row));
        classes(cell, `td ${column.left ? "left" : ""} ${column.tone?.(row) ?? ""}`);
      });
      if (this.options.act) {
        const cell = line.cells[this.options.columns.length]!;
        const made = this.options.act(row);
        cell.replaceChildren(...(made ? [made] : []));
      }
    });
  }
  private line() {
    const cells = this.options.columns.map((column) => h("span.td", { role: "gridcell", "data-col": column.name }));
    if (this.options.act) cells.push(h("span.td.left"));
    const line = { element: h("div.grid-row", { role: "row" }, cells), cells, key: "", row: null as Row | null };
    line.element.addEventListener("click", () => line.row && this.options.pick?.(line.row));
    this.space.append(line.element);
    return line;
  }
}
