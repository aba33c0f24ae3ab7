// The printed page beside the answer: one piece of evidence at a time, highlighted, at a zoom of choice.
import { $ } from "./dom.js";

const SCALE = 2; // pixels a point in the images that the service draws
const ZOOMS = [100, 130, 170, 220, 300];

let places = []; // {number, evidence, link}
let papers = new Map(); // by citation number
let current = -1;
let zoom = 0;

export function start() {
  $("previous").onclick = () => show(current - 1);
  $("next").onclick = () => show(current + 1);
  $("smaller").onclick = () => enlarge(zoom - 1);
  $("larger").onclick = () => enlarge(zoom + 1);
  $("evidence").addEventListener("keydown", (event) => {
    if (event.target.id !== "sheet") return;
    if (event.key === "ArrowLeft" && zoom === 0) show(current - 1);
    if (event.key === "ArrowRight" && zoom === 0) show(current + 1);
    if (event.key === "+") enlarge(zoom + 1);
    if (event.key === "-") enlarge(zoom - 1);
  });
  $("page").addEventListener("load", arrived);
  $("page").addEventListener("error", lost);
  clear();
}

export function clear() {
  places = [];
  papers = new Map();
  current = -1;
  $("page").hidden = true;
  $("page").removeAttribute("src");
  $("about").replaceChildren();
  $("position").textContent = "";
  $("hint").textContent = "The page that the answer is printed on appears here.";
  $("open").removeAttribute("href");
  controls();
}

export function add(evidence) {
  const place = { number: places.length + 1, evidence, link: null };
  places.push(place);
  controls();
  return place;
}

// Titles of the papers of one sentence, which is there before the whole reply is.
export function know(some) {
  for (const paper of some) papers.set(paper.number, paper);
}

export function name(citations) {
  papers = new Map(citations.map((paper) => [paper.number, paper]));
  if (current >= 0) describe();
  for (const { evidence } of places.slice(0, 3)) new Image().src = evidence.image;
}

export function show(index, { scroll = false } = {}) {
  if (index < 0 || index >= places.length) return;
  if (current >= 0) places[current].link?.removeAttribute("aria-current");
  current = index;
  const { evidence, link } = places[index];
  link?.setAttribute("aria-current", "true");
  describe();
  controls();
  $("sheet").setAttribute("aria-busy", "true");
  $("hint").textContent = $("page").hidden ? `Drawing page ${evidence.page} …` : "";
  $("open").href = `/read?${new URLSearchParams({ evidence: evidence.id })}`;
  $("page").alt = `Page ${evidence.page}, with this sentence highlighted: ${evidence.text}`;
  if ($("page").getAttribute("src") === evidence.image) arrived();
  else $("page").src = evidence.image;
  if (scroll && matchMedia("(max-width: 60rem)").matches) $("evidence").scrollIntoView({ behavior: "smooth" });
}

function describe() {
  const { evidence } = places[current], paper = papers.get(evidence.citation);
  const title = Object.assign(document.createElement("div"), { className: "title", textContent: paper ? `${evidence.citation}. ${paper.title}` : "" });
  const heading = evidence.heading && evidence.heading.toLowerCase() !== evidence.section ? evidence.heading : "";
  const section = evidence.section === "other" ? "" : evidence.section[0].toUpperCase() + evidence.section.slice(1);
  const where = [`Page ${evidence.page}`, section, heading].filter(Boolean).join(" · ");
  $("about").replaceChildren(title, Object.assign(document.createElement("div"), { className: "meta", textContent: where }));
}

function arrived() {
  $("sheet").setAttribute("aria-busy", "false");
  $("page").hidden = false;
  $("hint").textContent = "";
  centre();
}

function lost() {
  if (current < 0) return;
  $("sheet").setAttribute("aria-busy", "false");
  $("page").hidden = true;
  $("hint").textContent = "This page cannot be shown. Its paper may have been replaced or retracted since.";
}

function enlarge(step) {
  zoom = Math.max(0, Math.min(ZOOMS.length - 1, step));
  $("page").style.width = `${ZOOMS[zoom]}%`;
  controls();
  centre();
}

// Scroll the highlighted sentence into the middle.
function centre() {
  const image = $("page"), sheet = $("sheet");
  if (current < 0 || !image.naturalHeight) return;
  const boxes = places[current].evidence.boxes.filter((box) => box.page === places[current].evidence.page);
  if (!boxes.length) return;
  const shown = (image.clientWidth / image.naturalWidth) * SCALE; // CSS pixels a point
  const middle = (from, to) => ((Math.min(...boxes.map((b) => b[from])) + Math.max(...boxes.map((b) => b[to]))) / 2) * shown;
  sheet.scrollTo({ top: middle("y0", "y1") - sheet.clientHeight * 0.42, left: middle("x0", "x1") - sheet.clientWidth / 2 });
}

function controls() {
  $("previous").disabled = current <= 0;
  $("next").disabled = current >= places.length - 1;
  $("smaller").disabled = zoom === 0;
  $("larger").disabled = zoom === ZOOMS.length - 1;
  $("zoom").textContent = `${ZOOMS[zoom]}%`;
  $("position").textContent = places.length && current >= 0 ? `${current + 1} of ${places.length}` : "";
}
