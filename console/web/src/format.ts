import { lang, t } from "./words";

export const EMPTY = -2147483648;

/** A scaled integer at its decimals. */
export function scaled(value: number, digits: number): string {
  return value === EMPTY ? "" : (value / 10 ** digits).toFixed(digits);
}
export function price(ticks: number | null | undefined): string {
  return ticks ? (ticks / 10_000).toFixed(4) : "–";
}
export function spot(ticks: number | null | undefined): string {
  return ticks ? (ticks / 10_000).toFixed(3) : "–";
}
export function percent(value: number | null | undefined, digits = 2): string {
  return value === null || value === undefined ? "–" : `${(value / 100).toFixed(digits)}`;
}
const GROUPED = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
export function whole(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : GROUPED.format(value);
}
export function signed(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : (value > 0 ? "+" : "") + GROUPED.format(value);
}
/** Money and Greeks in ten thousands where they are long. */
export function short(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  const [top, middle] = lang === "en" ? [1e6, 1e3] : [1e8, 1e4];
  const [big, unit] = size >= top ? [top, t("unit.yi")] : size >= Math.max(1e4, middle) ? [middle, t("unit.wan")] : [1, ""];
  const scaled_ = value / big;
  return big === 1 ? GROUPED.format(value) : `${scaled_.toFixed(Math.abs(scaled_) >= 10 ? 0 : 1)}${unit}`;
}
export function clock(seconds: number): string {
  const two = (n: number) => String(Math.floor(n)).padStart(2, "0");
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}
export function span(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "–";
  const size = Math.abs(seconds);
  return `${seconds < 0 ? "-" : ""}${Math.floor(size / 60)}:${String(Math.floor(size % 60)).padStart(2, "0")}`;
}
export function tone(value: number | null | undefined): string {
  return !value ? "" : value > 0 ? "up" : "down";
}

/** A figure that came as text, with its thousands apart and without a fraction of nothing. */
export function figure(words: string): string {
  const found = /^(-?)(\d+)(\.\d+)?$/.exec(words);
  return found ? found[1] + GROUPED.format(Number(found[2])) + (found[3] && Number(found[3]) && found[2]!.length < 6 ? found[3] : "") : words;
}
