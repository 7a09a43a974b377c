// Commands go by HTTP, apart from the stream: what they do is seen there once the journal has it.
import { h, fill } from "./dom";
import { store } from "./store";
import { lang, t } from "./words";

export interface Reply { ok: boolean; status: string; zh: string; en: string; number: number; detail: Record<string, any>; }

export async function post(path: string, body: unknown): Promise<any> {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-quanheng-csrf": store.me?.csrf ?? "" },
    body: JSON.stringify(body),
  });
  if (response.status === 401) location.reload();
  return response.json();
}
/** `itself`: the page asks without a person, and keeps no session awake by it. */
export async function get(path: string, itself = false): Promise<any> {
  const response = await fetch(path, itself ? { headers: { "x-quanheng-itself": "1" } } : undefined);
  if (response.status === 401) location.reload();
  return response.json();
}

async function send(path: string, fields: Record<string, unknown>, seen?: string): Promise<Reply> {
  let reply: Reply;
  try {
    const answer = await post(path, { fields, idem: crypto.randomUUID(), ...(seen === undefined ? {} : { seen }) });
    reply = "status" in answer ? answer : { ok: false, status: "refused", zh: answer.detail ?? "", en: answer.detail ?? "", number: 0, detail: {} };
  } catch (error) {
    reply = { ok: false, status: "unreachable", zh: String(error), en: String(error), number: 0, detail: {} };
  }
  return reply;
}

export async function command(name: string, fields: Record<string, unknown>, seen?: string): Promise<Reply> {
  const reply = await send(`/api/command/${name}`, fields, seen);
  toast(reply);
  return reply;
}
export async function second(number: number): Promise<void> {
  toast(await send(`/api/second/${number}`, {}));
}
export async function withdraw(number: number): Promise<void> {
  toast(await send(`/api/withdraw/${number}`, {}));
}

/** One click, no question: cancelling is the safe direction. */
export async function pull(scope: string): Promise<void> {
  if (!store.may("kill")) return toast({ ok: false, status: "", zh: t("kill.forbidden"), en: t("kill.forbidden"), number: 0, detail: {} });
  note(t("kill.sent", scope === "*" ? t("kill.all") : scope), "busy");
  const reply = await send("/api/pull", { scope });
  if (reply.status !== "pulled") return toast(reply);
  const text = lang === "en" ? reply.en : reply.zh;
  dialog(t(reply.ok ? "kill.done" : "kill.partly"), (box) => box.append(h("pre.proof", { "data-testid": "proof" }, text)), reply.ok ? "good" : "bad");
}

/** Cut a text that is meant for one line. */
function brief(text: string): string {
  return text.length > 260 ? `${text.slice(0, 260)}…` : text;
}

export function toast(reply: Reply): void {
  const number = reply.number ? `#${reply.number} ` : "";
  note(number + brief(lang === "en" ? reply.en : reply.zh), reply.ok ? (reply.status === "pending" ? "busy" : "good") : "bad");
}

export function note(words: string, kind: "good" | "bad" | "busy"): void {
  let holder = document.querySelector("#notes");
  if (!holder) document.body.append((holder = h("div", { id: "notes", role: "status" })));
  const one = h(`div.note`, { "data-kind": kind }, words);
  one.classList.add(kind);
  holder.append(one);
  setTimeout(() => one.remove(), kind === "bad" ? 9000 : 5000);
}

export function dialog(title: string, make: (box: HTMLElement, close: () => void) => void, kind = ""): void {
  const holder = h("dialog.dialog", { "data-testid": "dialog" }) as HTMLDialogElement;
  if (kind) holder.classList.add(kind);
  const close = () => holder.close();
  const body = h("div.body");
  holder.append(h("header", null, h("b", null, title), h("button.ghost", { onclick: close, title: t("app.close"), "aria-label": t("app.close") }, "×")), body);
  make(body, close);
  holder.addEventListener("close", () => holder.remove());
  document.body.append(holder);
  holder.showModal();
}

/** Opening always asks. */
export function confirm(words: string, then: () => void): void {
  dialog(t("app.confirm"), (box, close) => {
    fill(box, h("p", null, words), h("div.buttons", null,
      h("button.primary", { "data-testid": "yes", onclick: () => { close(); then(); } }, t("app.yes")), h("button", { onclick: close }, t("app.no"))));
  });
}
