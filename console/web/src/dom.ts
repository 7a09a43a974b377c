// Making and keeping elements. No markup is ever made from text, so nothing a row says can become code.
export type Kid = Node | string | number | null | undefined | false;
type Props = Record<string, unknown>;

/** An element: `h("td.num", { title: "…" }, "text")`. Handlers are functions under onclick and the like. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K | `${K}.${string}`, props?: Props | null, ...kids: (Kid | Kid[])[]): HTMLElementTagNameMap[K] {
  const [name, ...classes] = tag.split(".");
  const found = document.createElement(name as K);
  if (classes.length) found.className = classes.join(" ");
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) found.addEventListener(key.slice(2), value as EventListener);
    else if (key === "style") Object.assign(found.style, value);
    else if (key in found && key !== "list" && key !== "form") (found as unknown as Props)[key] = value;
    else found.setAttribute(key, value === true ? "" : String(value));
  }
  add(found, ...kids);
  return found;
}

const SVG = "http://www.w3.org/2000/svg";
export function svg(tag: string, props: Record<string, string | number>, ...kids: Kid[]): SVGElement {
  const found = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(props)) found.setAttribute(key, String(value));
  add(found, ...kids);
  return found;
}

export function add(to: Element, ...kids: (Kid | Kid[])[]): void {
  for (const kid of kids.flat()) {
    if (kid === null || kid === undefined || kid === false) continue;
    to.append(typeof kid === "number" ? String(kid) : kid);
  }
}

export function fill(to: Element, ...kids: (Kid | Kid[])[]): void {
  to.replaceChildren();
  add(to, ...kids);
}

/** Change text only where it differs: an unchanged cell costs nothing. */
export function text(of: Element, value: string): void {
  const only = of.firstChild;
  if (only && only.nodeType === 3 && !only.nextSibling) {
    if (only.nodeValue !== value) only.nodeValue = value;
  } else of.textContent = value;
}

export function classes(of: Element, value: string): void {
  if (of.className !== value) of.className = value;
}
