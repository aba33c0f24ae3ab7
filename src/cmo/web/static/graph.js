// What is said around a concept, drawn: the concept in the middle, its neighbours around it, one line a relation.
import { h } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const SIZE = { width: 760, height: 520, ring: 195 };
const MOST_LETTERS = 26;

const s = (tag, props, ...children) => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};
const short = (name) => (name.length > MOST_LETTERS ? `${name.slice(0, MOST_LETTERS - 1)}…` : name);

// A link that opens the drawing of a concept.
export function link(node) {
  return h("button", { type: "button", className: "concept", title: `${node.kind}, in ${node.papers} papers: show what is said around it`, onclick: () => open(node.id) }, node.name);
}

async function open(concept) {
  const reply = await fetch(`/api/graph?${new URLSearchParams({ concept })}`);
  if (!reply.ok) return;
  const box = document.getElementById("graph") ?? document.body.appendChild(h("dialog", { id: "graph" }));
  const told = await reply.json();
  box.replaceChildren(
    h("header", {}, h("h2", {}, told.concept.name), h("span", { className: "soft" }, `${told.concept.kind} · ${told.concept.id}`),
      h("a", { href: `/graph?${new URLSearchParams({ concept: told.concept.id })}` }, "As a page"),
      h("button", { type: "button", onclick: () => box.close() }, "Close")),
    told.edges.length ? drawing(told, (node) => open(node.id)) : h("p", { className: "soft" }, "Nothing is said of it that relates it to anything else."));
  if (!box.open) box.showModal();
}

// The drawing; `go` is called with the node that somebody chooses.
export function drawing({ concept, nodes, edges }, go) {
  const middle = { x: SIZE.width / 2, y: SIZE.height / 2 };
  const others = nodes.filter((node) => node.id !== concept.id);
  const places = new Map([[concept.id, middle]]);
  others.forEach((node, n) => {
    const angle = (2 * Math.PI * n) / others.length - Math.PI / 2;
    places.set(node.id, { x: middle.x + SIZE.ring * 1.35 * Math.cos(angle), y: middle.y + SIZE.ring * Math.sin(angle) });
  });
  return s("svg", { class: "drawing", viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "group", "aria-label": edges.map(said).join("; ") },
    ...pairs(edges).map((between) => line(between, places)),
    ...nodes.map((node) => dot(node, places.get(node.id), node.id === concept.id, go)));
}

const said = (edge) => {
  const papers = edge.papers_for ? `${edge.papers_for} for, ${edge.papers_against} against` : edge.source;
  const quoted = edge.sentences.map((stated) => `\n“${stated.text}” ${stated.cited}, page ${stated.page}`);
  return `${edge.subject.name} ${edge.relation} ${edge.object.name} (${papers})${quoted.join("")}`;
};

// Relations between the same two concepts share a line.
function pairs(edges) {
  const found = new Map();
  for (const edge of edges) {
    const key = [edge.subject.id, edge.object.id].sort().join(" ");
    found.set(key, [...(found.get(key) ?? []), edge]);
  }
  return [...found.values()];
}

function line(edges, places) {
  const from = places.get(edges[0].subject.id), to = places.get(edges[0].object.id);
  const at = { x: from.x + (to.x - from.x) * .55, y: from.y + (to.y - from.y) * .55 };
  return s("g", { class: edges.some((edge) => edge.papers_against) ? "edge contested" : "edge" },
    s("title", {}, edges.map(said).join("\n")),
    s("line", { x1: from.x, y1: from.y, x2: to.x, y2: to.y, "stroke-width": 1 + 3 * Math.max(...edges.map((edge) => edge.probability)) }),
    ...edges.map((edge, n) => s("text", { x: at.x, y: at.y - 4 + 11 * n }, edge.relation)));
}

function dot(node, { x, y }, main, go) {
  const group = s("g", { class: main ? "node main" : "node", tabindex: "0", role: "button" },
    s("title", {}, `${node.name} · ${node.kind} · ${node.papers} papers`),
    s("circle", { cx: x, cy: y, r: main ? 9 : 6 }),
    s("text", { x, y: y - 12 }, short(node.name)));
  group.addEventListener("click", () => go(node));
  group.addEventListener("keydown", (event) => event.key === "Enter" && go(node));
  return group;
}
