// Tickets beside the order ticket: lock units, exercise, build and split combinations. All are proposals.
import { command, dialog } from "./commands";
import { classes, fill, h, text } from "./dom";
import { store } from "./store";
import { lang, t } from "./words";

type Input = HTMLInputElement | HTMLSelectElement;

/** A form whose fields become a command. */
function form(title: string, name: string, fields: Record<string, Input>, hint: string, made: () => Record<string, unknown>): void {
  dialog(t(title), (box, close) => {
    const said = h("p", { role: "alert" });
    const send = async (event: Event) => {
      event.preventDefault();
      const reply = await command(name, made());
      text(said, lang === "en" ? reply.en : reply.zh);
      classes(said, reply.ok ? "good" : "alarm");
      if (reply.ok) close();
    };
    fill(box, h("p.dim", null, t(hint)), h("form.form", { onsubmit: send, "data-testid": `ticket-${name}` }, Object.entries(fields).map(([label, input]) => h("label", null, t(`ticket.${label}`), input)), h("button.primary", { type: "submit" }, t("param.send"))), said);
  });
}
const amount = () => h("input", { name: "qty", type: "number", value: "1", min: "1", required: true });
const choice = (name: string, options: [string, string][]) => h("select", { name }, options.map(([value, words]) => h("option", { value }, words)));
const contracts = (name: string, kind: string, none = false) => choice(name, [...(none ? [["", "–"] as [string, string]] : []), ...store.schema.contracts.filter((one) => !kind || one.kind === kind).map((one) => [one.code, `${one.name} ${one.code}`] as [string, string])]);

export function lock(): void {
  const underlying = choice("underlying", store.schema.classes.map((one) => [one.code, `${one.code} ${one.symbol}`]));
  const way = choice("way", [["lock", t("ticket.to_lock")], ["unlock", t("ticket.to_unlock")]]), qty = amount();
  form("ticket.lock", "lock", { underlying, way, units: qty }, "ticket.lock_hint", () => ({ underlying: underlying.value, qty: Number(qty.value), unlock: way.value === "unlock" }));
}
export function exercise(): void {
  const contract = contracts("contract", ""), put = contracts("put", "P", true), qty = amount();
  form("ticket.exercise", "exercise", { contract, put, qty }, "ticket.exercise_hint", () => ({ contract: contract.value, put: put.value, qty: Number(qty.value) }));
}
export function combine(): void {
  const strategy = choice("strategy", store.schema.strategies.map((one) => [one, one])), first = contracts("first", ""), second = contracts("second", ""), qty = amount();
  form("ticket.combine", "combine", { strategy, first, second, qty }, "ticket.combine_hint", () => ({ strategy: strategy.value, first: first.value, second: second.value, qty: Number(qty.value) }));
}
export function split(id: string, units: number): void {
  const qty = amount();
  qty.value = String(units);
  form("ticket.split", "split", { qty }, "ticket.split_hint", () => ({ combination: id, qty: Number(qty.value) }));
}
