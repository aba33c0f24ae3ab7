// The graph around a concept, as a page: drawn, and the same in words with the sentences behind each relation.
import { $, count, h, problemBox } from "./dom.js";
import { drawing } from "./graph.js";
import { json } from "./service.js";

async function look() {
  const asked = new URLSearchParams(location.search), concept = asked.get("concept");
  $("concept").value = concept ?? "";
  $("further").checked = asked.get("hops") === "2";
  if (!concept) return;
  $("notice").replaceChildren(h("p", { className: "soft" }, "Looking …"));
  try {
    const hops = $("further").checked ? 2 : 1;
    const told = await json(`/api/graph?${new URLSearchParams({ concept, hops, limit: hops > 1 ? 6 : 12, sentences: 2 })}`);
    $("notice").replaceChildren(h("p", {}, h("strong", {}, told.concept.name), h("span", { className: "soft" }, ` ${told.concept.kind} · ${told.concept.id} · in ${count(told.concept.papers, "paper")}`)));
    $("drawn").replaceChildren(...(told.edges.length ? [drawing(told, (node) => go(node.id))] : []));
    $("listed").replaceChildren(told.edges.length ? h("ul", { className: "told" }, told.edges.map(relation)) : h("p", { className: "soft" }, "Nothing is said of it that relates it to anything else."));
    document.title = `${told.concept.name} · Clinical Metabolomics Oracle`;
  } catch (problem) {
    $("drawn").replaceChildren();
    $("listed").replaceChildren();
    $("notice").replaceChildren(problemBox(problem));
  }
}

const node = (one) => h("a", { href: `/graph?${new URLSearchParams({ concept: one.id })}`, onclick: (event) => { event.preventDefault(); go(one.id); } }, one.name);

function relation(edge) {
  const papers = edge.papers_for || edge.papers_against ? `${count(edge.papers_for, "paper")} for, ${edge.papers_against} against` : edge.source;
  return h("li", {}, h("div", {}, node(edge.subject), ` ${edge.relation.replaceAll("_", " ")} `, node(edge.object),
    h("span", { className: "soft" }, ` · ${papers} · ${Math.round(100 * edge.probability)} %`)),
    edge.sentences.map((stated) => h("blockquote", { className: stated.against ? "against" : "" },
      stated.against ? h("strong", {}, "Against: ") : "", h("a", { href: `/read?${new URLSearchParams({ evidence: stated.evidence })}` }, stated.text),
      h("span", { className: "soft" }, ` ${stated.cited}, page ${stated.page}`))));
}

function go(concept) {
  const params = new URLSearchParams({ concept });
  if ($("further").checked) params.set("hops", "2");
  history.pushState(null, "", `/graph?${params}`);
  look();
}

$("form").addEventListener("submit", (event) => { event.preventDefault(); go($("concept").value); });
addEventListener("popstate", look);
look();
