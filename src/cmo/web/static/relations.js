// What the papers say of relations: a table whose every number leads to the sentences behind it, and chains.
import { h } from "./dom.js";
import * as graph from "./graph.js";

// `place` makes a link out of a piece of evidence: it opens its page.
export function table(reply, place) {
  if (!reply.relations.length) return "";
  const evidence = new Map(reply.evidence.map((e) => [e.id, e]));
  const side = (papers, ids) => h("td", {}, papers ? `${papers} ` : "–", ids.map((id) => place(evidence.get(id))));
  const row = (r) => h("tr", {},
    h("td", {}, graph.link(r.subject)), h("td", { className: "soft" }, r.relation), h("td", {}, graph.link(r.object)), h("td", {}, where(r)),
    r.source === "papers" ? side(r.papers_for, r.evidence_for) : h("td", { className: "soft" }, r.source),
    side(r.papers_against, r.evidence_against));
  // What holds of mice need not hold of people: whom each side speaks of is said.
  const where = (r) => [[...r.specimens, ...r.organisms].join(", "), r.organisms_against.length ? `against: ${r.organisms_against.join(", ")}` : ""].filter(Boolean).join("; ") || "–";
  return h("section", { className: "relations" }, h("h3", {}, "What the papers relate"),
    h("div", { className: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, ["Concept", "Relation", "Concept", "In", "Papers for", "Against"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, reply.relations.map(row)))));
}

export function readAs(reply) {
  return h("div", {}, reply.read_as.map((name) => h("p", { className: "soft" }, `“${name.printed}” was read as ${name.read_as}.`)));
}

export function chains(reply) {
  const paths = reply.enrichment?.paths ?? [];
  if (!paths.length) return "";
  const said = (chain) => chain.map((r) => `${r.subject.name} ${r.relation} ${r.object.name}`).join(" · ");
  return h("p", { className: "chains soft" }, "How they hang together: ", paths.map(said).join("; "));
}
