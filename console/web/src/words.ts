// Words of both languages come from words.toml through the server; there is no text in the code.
export type Lang = "zh" | "en";
let words: Record<string, [string, string]> = {};
export let lang: Lang = localStorage.getItem("lang") === "en" ? "en" : "zh";

export async function loadWords(): Promise<void> {
  words = await (await fetch("/static/words.json")).json();
  document.documentElement.lang = lang === "en" ? "en" : "zh-CN";
  document.title = t("app.title");
}

export function setLang(to: Lang): void {
  localStorage.setItem("lang", to);
  location.reload();
}

/** A word by its key; a missing one shows as its key, which the tests look for. */
export function t(key: string, ...values: (string | number)[]): string {
  const found = words[key]?.[lang === "en" ? 1 : 0];
  if (found === undefined) {
    console.error(`words.toml has no ${key}`);
    return `⟦${key}⟧`;
  }
  return values.reduce<string>((text, value, n) => text.replace(`{${n}}`, String(value)), found);
}

/** A row's own words: fields zh and en, or name_zh and name_en. */
export function of(row: Record<string, unknown>, name = ""): string {
  const found = row[name ? `${name}_${lang}` : lang];
  return found === undefined || found === null ? "" : String(found);
}
