// What the server has said, by channel, and who wants to know.
import { EMPTY } from "./format";

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Row = Record<string, any>;
export type Rows = Map<string, Row>;

export class Board {
  cells: Int32Array;
  /** Direction of the last change of each cell: 1 up, -1 down. */
  moves: Int8Array;
  seq = 0;
  constructor(readonly rows: number, readonly columns: number) {
    this.cells = new Int32Array(rows * columns).fill(EMPTY);
    this.moves = new Int8Array(rows * columns);
  }
  at(row: number, column: number): number {
    return this.cells[row * this.columns + column]!;
  }
}

export interface Contract { slot: number; klass: number; code: string; name: string; kind: "C" | "P"; strike: number; lastDay: number; unit: number; days: number; adjusted: boolean; }
export interface Klass { code: string; symbol: string; start: number; stop: number; }
export interface Schema {
  site?: string; day: string; scenario: string; live: boolean; open: boolean; speed: number; maker: string; first: number; last: number;
  spans: [number, number, number][]; classes: Klass[]; contracts: Contract[]; columns: [string, number][]; strategies: string[];
  causes: Record<string, string[]>; phases: Record<string, string[]>; alert_names: Record<string, [string, string]>;
}
export interface Me { user: string; name: string; roles: string[]; csrf: string; views: string[]; commands: string[]; }

type Listener = () => void;

class Store {
  schema!: Schema;
  me!: Me;
  scene = "end";
  tables = new Map<string, Rows>();
  boards = new Map<number, Board>();
  column = new Map<string, number>();
  private listeners = new Map<string, Set<Listener>>();
  private dirty = new Set<string>();

  rows(channel: string): Rows {
    let found = this.tables.get(channel);
    if (!found) this.tables.set(channel, (found = new Map()));
    return found;
  }
  one(channel: string, key = "*"): Row | undefined {
    return this.tables.get(channel)?.get(key);
  }
  on(channel: string, listener: Listener): () => void {
    let found = this.listeners.get(channel);
    if (!found) this.listeners.set(channel, (found = new Set()));
    found.add(listener);
    return () => found!.delete(listener);
  }
  touch(channel: string): void {
    this.dirty.add(channel);
  }
  /** Tell everybody whose channel has changed, once per paint. */
  paint(): void {
    if (!this.dirty.size) return;
    const now = [...this.dirty];
    this.dirty.clear();
    for (const channel of now) for (const listener of [...(this.listeners.get(channel) ?? [])]) listener();
  }
  clear(): void {
    this.tables.clear();
    this.boards.clear();
  }
  may(what: string): boolean {
    return this.me.views.includes(what) || this.me.commands.includes(what);
  }
}

export const store = new Store();
