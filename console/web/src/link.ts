// The one WebSocket: subscriptions up, frames down, each acknowledged once it is painted.
import { EMPTY } from "./format";
import { Board, store } from "./store";

interface Pulse { live: boolean; engine: number; picture: number; behind?: number; failed: string; now: number; feed_ms?: number | null; feed_level?: string; ntp?: string; ntp_ms?: number; }
const HEAD = 28;

class Link {
  pulse: Pulse | null = null;
  /** When the last frame of any kind came; 0 before the first. */
  heard = 0;
  delay = 0;
  refused = new Set<string>();
  private socket: WebSocket | null = null;
  private wanted = new Map<string, number>();
  private seqs = new Map<string, number>();
  private unpainted = 0;
  private painting = false;
  private tries = 0;
  private timer = 0;

  open(): void {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => {
      this.tries = 0;
      this.unpainted = 0;
      this.seqs.clear();
      if (replaying) this.say({ t: "scene", replay: true });
      this.subscribe([...this.wanted.keys()]);
      this.rate();
    };
    socket.onmessage = (event: MessageEvent) => {
      this.heard = performance.now();
      if (typeof event.data === "string") this.line(JSON.parse(event.data));
      else this.frame(event.data as ArrayBuffer);
    };
    socket.onclose = (event: CloseEvent) => {
      this.socket = null;
      if (event.code === 4401 || event.code === 4403) return location.reload();
      if (event.code === 4429) this.tries = 5; // too many windows, or too loud: not at once again
      this.timer = window.setTimeout(() => this.open(), Math.min(5000, 300 * 2 ** this.tries++));
    };
  }
  close(): void {
    window.clearTimeout(this.timer);
    if (this.socket) this.socket.onclose = null;
    this.socket?.close();
  }
  get connected(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }
  say(what: unknown): void {
    if (this.connected) this.socket!.send(JSON.stringify(what));
  }
  /** Follow channels as long as somebody does; returns how to stop. */
  follow(...channels: string[]): () => void {
    const fresh = channels.filter((one) => !this.wanted.has(one));
    for (const one of channels) this.wanted.set(one, (this.wanted.get(one) ?? 0) + 1);
    this.subscribe(fresh);
    return () => {
      const over: string[] = [];
      for (const one of channels) {
        const left = (this.wanted.get(one) ?? 1) - 1;
        if (left) this.wanted.set(one, left);
        else {
          this.wanted.delete(one);
          this.seqs.delete(one);
          over.push(one);
        }
      }
      if (over.length) this.say({ t: "unsub", ch: over });
    };
  }
  private subscribe(channels: string[]): void {
    for (const one of channels) this.seqs.delete(one);
    if (channels.length) this.say({ t: "sub", ch: channels });
  }
  rate(): void {
    this.say({ t: "rate", hz: document.hidden ? 0.5 : 0 });
  }
  private line(said: any): void {
    switch (said.t) {
      case "hb":
        this.pulse = said;
        this.delay = (Date.now() / 1000 - said.now) * 1000;
        store.touch("pulse");
        return this.paint(0);
      case "no":
        this.refused.add(said.ch);
        return;
      case "scene":
        store.scene = said.id;
        store.touch("scene");
        this.seqs.clear();
        return this.paint(0);
      case "s":
      case "d":
        return this.rows(said);
    }
  }
  private rows(said: { t: string; ch: string; seq: number; base: number; up: Record<string, Record<string, unknown>>; del: string[] }): void {
    if (!this.wanted.has(said.ch)) return this.paint(1);
    if (said.t === "d" && this.seqs.get(said.ch) !== said.base) {
      this.subscribe([said.ch]);
      return this.paint(1);
    }
    this.seqs.set(said.ch, said.seq);
    const table = store.rows(said.ch);
    if (said.t === "s") table.clear();
    for (const key of said.del) table.delete(key);
    for (const [key, change] of Object.entries(said.up)) {
      const old = table.get(key);
      table.set(key, old ? { ...old, ...change } : change);
    }
    store.touch(said.ch);
    this.paint(1);
  }
  private frame(data: ArrayBuffer): void {
    const head = new DataView(data);
    const type = head.getUint8(1), klass = head.getUint16(2, true);
    const seq = head.getUint32(4, true), base = head.getUint32(8, true);
    const count = head.getUint32(20, true), flags = head.getUint32(24, true);
    const name = `board/${klass}`;
    const item = store.schema.classes[klass];
    if (!item || !this.wanted.has(name)) return this.paint(1);
    let board = store.boards.get(klass);
    if (type === 2 && (this.seqs.get(name) !== base || !board)) {
      this.subscribe([name]);
      return this.paint(1);
    }
    if (!board) store.boards.set(klass, (board = new Board(item.stop - item.start, store.schema.columns.length)));
    const { cells, moves } = board;
    if (type === 1) {
      cells.fill(EMPTY);
      moves.fill(0);
    }
    const values = new Int32Array(data, HEAD, count);
    const set = (id: number, value: number) => {
      const old = cells[id]!;
      if (type === 2 && old !== EMPTY && value !== EMPTY) moves[id] = value > old ? 1 : -1;
      cells[id] = value;
    };
    const places = HEAD + 4 * count;
    if (flags & 2) {
      const map = new Uint8Array(data, places);
      for (let byte = 0, i = 0; byte < map.length; byte++)
        for (let bits = map[byte]!, id = 8 * byte; bits; bits >>= 1, id++) if (bits & 1) set(id, values[i++]!);
    } else {
      const ids = flags & 1 ? new Uint32Array(data, places, count) : new Uint16Array(data, places, count);
      for (let i = 0; i < count; i++) set(ids[i]!, values[i]!);
    }
    board.seq = seq;
    this.seqs.set(name, seq);
    store.touch(name);
    this.paint(1);
  }
  /**
   * Write what came first into the document at once, what comes before the screen's next frame with that frame, and
   * say so then: a frame that is late holds the sender back. A hidden page has no frames, it says so at once.
   */
  private paint(frames: number): void {
    this.unpainted += frames;
    if (this.painting) return;
    this.painting = true;
    store.paint();
    const done = () => {
      this.painting = false;
      const count = this.unpainted;
      this.unpainted = 0;
      store.paint();
      if (count) this.say({ t: "a", n: count });
    };
    if (document.hidden) setTimeout(done, 0);
    else requestAnimationFrame(done);
  }
}

export const link = new Link();
export let replaying = false;

/** To a scene of one's own, or back to the end of the run. */
export function replay(on: boolean): void {
  replaying = on;
  link.say({ t: "scene", replay: on });
}
document.addEventListener("visibilitychange", () => link.rate());

// A person's acts keep the session awake (docs/people.md); what the page does by itself does not.
let acted = -Infinity;
for (const act of ["keydown", "pointerdown", "wheel"]) {
  document.addEventListener(act, () => {
    if (performance.now() - acted < 30_000 || !link.connected) return;
    acted = performance.now();
    link.say({ t: "act" });
  }, { capture: true, passive: true });
}
