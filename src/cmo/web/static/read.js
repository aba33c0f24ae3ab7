// A page as it is printed, at the address of a sentence (?evidence=) or of a paper (?paper=&page=).
import { $, byline, count, doiLink, h, problemBox } from "./dom.js";
import { json } from "./service.js";

const SCALE = 2; // pixels a point in the images that the service draws
const ZOOMS = [100, 130, 170, 220, 300];
const STANCES = {
  for: ["Other papers that bear it out", "for"],
  against: ["Other papers that say otherwise", "against"],
  near: ["Other papers that speak of the same", "near"],
};

const NOTHING = {
  title: "The address names no sentence and no paper",
  detail: "Ask a question, and choose “Read on” beside the answer.",
};

let paper = null; // with its pages
let place = null; // of the sentence, if there is one
let page = 1;
let zoom = 0;

async function start() {
  const asked = new URLSearchParams(location.search);
  try {
    const evidence = asked.get("evidence");
    if (!evidence && !asked.get("paper")) throw NOTHING;
    if (evidence) place = await json(`/evidence/${encodeURIComponent(evidence)}`);
    paper = await json(`/papers/${encodeURIComponent(place ? place.paper.paper_id : asked.get("paper") ?? "")}`);
    page = place ? place.page : Math.max(1, Number(asked.get("page")) || 1);
  } catch (problem) {
    $("title").textContent = "This cannot be shown";
    $("notice").replaceChildren(problemBox(problem));
    return;
  }
  $("title").textContent = paper.title;
  document.title = `${paper.title} · Clinical Metabolomics Oracle`;
  $("byline").replaceChildren(...[byline(paper), paper.doi ? " · " : "", doiLink(paper)].filter(Boolean));
  if (place && place.paper.version !== paper.version) {
    $("notice").replaceChildren(h("p", { className: "problem" }, "The paper was replaced since: its page may be another one now."));
  }
  $("two").hidden = false;
  $("two").classList.toggle("alone", !place);
  show(page);
  if (place) beside();
}

function show(wanted) {
  page = Math.min(Math.max(1, wanted), paper.pages.length);
  const here = place && place.boxes.some((box) => box.page === page);
  const marked = here ? `?${new URLSearchParams({ evidence: place.id })}` : "";
  $("image").src = `/papers/${paper.paper_id}/pages/${page}.png${marked}`;
  $("image").alt = here ? `Page ${page}, with this sentence highlighted: ${place.text}` : `Page ${page} of ${paper.title}`;
  $("number").textContent = `Page ${page} of ${paper.pages.length}`;
  $("back").disabled = page <= 1;
  $("forth").disabled = page >= paper.pages.length;
}

function enlarge(step) {
  zoom = Math.max(0, Math.min(ZOOMS.length - 1, step));
  $("image").style.width = `${ZOOMS[zoom]}%`;
  $("zoom").textContent = `${ZOOMS[zoom]}%`;
  $("smaller").disabled = zoom === 0;
  $("larger").disabled = zoom === ZOOMS.length - 1;
  centre();
}

// Scroll the highlighted sentence into the middle.
function centre() {
  const boxes = (place?.boxes ?? []).filter((box) => box.page === page), image = $("image"), sheet = $("sheet");
  if (!boxes.length || !image.naturalWidth) return;
  const shown = (image.clientWidth / image.naturalWidth) * SCALE; // CSS pixels a point
  sheet.scrollTo({ top: Math.min(...boxes.map((box) => box.y0)) * shown - sheet.clientHeight * 0.4 });
}

async function beside() {
  const aside = $("beside");
  aside.replaceChildren(h("p", { className: "soft" }, "Looking into other papers …"));
  try {
    const found = await json(`/evidence/${encodeURIComponent(place.id)}/beside`);
    aside.replaceChildren(
      h("h2", {}, "In this paper"),
      h("ol", {}, ...found.before.map(neighbour), h("li", { className: "this words", "aria-current": "true" }, place.text), ...found.after.map(neighbour)),
      ...Object.entries(STANCES).flatMap(([stance, [title]]) => group(title, stance, found.others.filter((other) => other.stance === stance))),
      found.others.length ? h("p", { className: "soft" }, "Judged by words, directions and relations, without a language model: read both before you rely on it.") : h("p", { className: "soft" }, "No other paper here speaks of the same."));
  } catch (problem) {
    aside.replaceChildren(problemBox(problem, beside));
  }
}

const reading = (id) => `/read?${new URLSearchParams({ evidence: id })}`;
const neighbour = (one) => h("li", {}, h("a", { className: "words", href: reading(one.id) }, one.text));

function group(title, stance, others) {
  if (!others.length) return [];
  return [h("h2", {}, `${title} `, h("span", { className: "soft" }, `(${count(others.length, "paper")})`)), h("ul", {}, others.map((other) => h("li", {},
    h("a", { className: "words", href: reading(other.evidence.id) }, other.evidence.text),
    h("div", { className: "meta" }, h("span", { className: `stance ${stance}` }, `${STANCES[stance][1]} ${Math.round(100 * other.probability)} % `),
      `${other.paper.title}, page ${other.evidence.page}`))))];
}

$("back").onclick = () => show(page - 1);
$("forth").onclick = () => show(page + 1);
$("smaller").onclick = () => enlarge(zoom - 1);
$("larger").onclick = () => enlarge(zoom + 1);
$("image").addEventListener("load", centre);
$("image").addEventListener("error", () => { $("image").alt = "This page cannot be drawn. Its paper may have been replaced or retracted since."; });
document.addEventListener("keydown", (event) => {
  if (event.target.id !== "sheet") return;
  if (event.key === "ArrowLeft" && zoom === 0 && page > 1) show(page - 1);
  if (event.key === "ArrowRight" && zoom === 0 && paper && page < paper.pages.length) show(page + 1);
  if (event.key === "+") enlarge(zoom + 1);
  if (event.key === "-") enlarge(zoom - 1);
});
enlarge(0);
start();
