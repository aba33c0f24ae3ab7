// Elements, made from text alone: nothing that a paper or a server says is ever parsed as HTML.

export const $ = (id) => document.getElementById(id);

export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list") element[name] = value;
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export function problemBox(problem, again) {
  const named = problem.request_id ? ` (request ${problem.request_id.slice(0, 8)})` : "";
  return h("div", { className: "problem", role: "alert" },
    h("strong", {}, problem.title || "That did not work"),
    h("span", {}, (problem.detail || "The service cannot be reached. Is it running?") + named),
    again ? h("p", {}, h("button", { type: "button", onclick: again }, "Try again")) : "");
}

export const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

export function byline(paper) {
  const [first = "", ...others] = paper.authors;
  const who = others.length ? `${first} et al.` : first;
  return [who, paper.journal, paper.year].filter(Boolean).join(" · ");
}

export function doiLink(paper) {
  if (!paper.doi) return "";
  return h("a", { href: `https://doi.org/${encodeURI(paper.doi)}`, target: "_blank", rel: "noopener noreferrer" }, `doi:${paper.doi}`);
}
