// Asking: the form, the address, and the answer as it comes.
import { $, h } from "./dom.js";
import { ask, json } from "./service.js";
import * as answer from "./answer.js";
import * as page from "./page.js";

const EXAMPLES = [
  "Why are branched-chain amino acids raised in insulin resistance?",
  "Which enzyme makes TMAO from trimethylamine?",
  "What distinguishes propionic from methylmalonic acidaemia?",
  "Which acylcarnitine marks MCAD deficiency?",
  "How are batch effects corrected with QC samples?",
  "Which amino acid is raised in phenylketonuria?",
];
const LISTS = ["section", "paper"];
const SINGLES = ["year_from", "year_to", "journal"];

let running = null; // the AbortController of the question at work
let last = ""; // the address that was answered last
let only = []; // ids of the papers to which the question is bound

export function start() {
  const form = $("ask-form"), question = $("question");
  $("examples").append(...EXAMPLES.map((text) => h("button", { type: "button", onclick: () => { question.value = text; form.requestSubmit(); } }, text)));
  form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  form.addEventListener("change", tally);
  question.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
  });
  $("options").addEventListener("toggle", journals, { once: true });
  page.start();
}

// The address of what the form says now.
export function address() {
  const form = new FormData($("ask-form")), params = new URLSearchParams();
  const query = form.get("query").trim();
  if (!query) return "/";
  params.set("q", query);
  if (form.get("mode") !== "hybrid") params.set("mode", form.get("mode"));
  for (const name of SINGLES) if (form.get(name)) params.set(name, form.get(name));
  for (const section of form.getAll("section")) params.append("section", section);
  for (const paper of only) params.append("paper", paper);
  return `/?${params}`;
}

// Fill the form from the address, and ask if it holds a question that is not shown yet.
export function fromAddress() {
  const params = new URLSearchParams(location.search), form = $("ask-form");
  form.elements.query.value = params.get("q") ?? "";
  for (const radio of form.elements.mode) radio.checked = radio.value === (params.get("mode") ?? "hybrid");
  for (const name of SINGLES) form.elements[name].value = params.get(name) ?? "";
  for (const box of form.elements.section) box.checked = params.getAll("section").includes(box.value);
  bind(params.getAll("paper"));
  tally();
  if (params.get("q") && location.search !== last) run();
  if (!params.get("q")) clear();
}

function submit() {
  const target = address();
  if (target === "/") return;
  if (target !== location.pathname + location.search) history.pushState(null, "", target);
  run();
}

function clear() {
  running?.abort();
  last = "";
  $("ask").classList.add("fresh");
  $("result").hidden = true;
  document.title = "Clinical Metabolomics Oracle";
}

async function run() {
  running?.abort();
  const mine = (running = new AbortController());
  last = location.search;
  const asked = question();
  document.title = `${asked.query} · Clinical Metabolomics Oracle`;
  $("ask").classList.remove("fresh", "noevidence");
  $("result").hidden = false;
  answer.begin(asked.query);
  page.clear();
  const slow = setTimeout(() => offerStop(mine), 700);
  try {
    await ask(asked, (name, data) => {
      if (name === "sentence") answer.addSentence(data);
      else if (name === "stage") answer.stage(data);
      else if (name === "answer") answer.finish(data);
      else if (name === "error") throw data;
    }, mine.signal);
  } catch (problem) {
    if (running === mine) answer.fail(mine.signal.aborted ? { title: "Stopped", detail: "You stopped this question." } : problem, run);
  } finally {
    clearTimeout(slow);
    if (running === mine) settle();
  }
}

function offerStop(controller) {
  $("send").textContent = "Stop";
  $("send").type = "button";
  $("send").onclick = () => controller.abort();
}

function settle() {
  $("send").textContent = "Ask";
  $("send").type = "submit";
  $("send").onclick = null;
}

function question() {
  const params = new URLSearchParams(location.search);
  const filters = {};
  for (const name of ["year_from", "year_to"]) if (params.get(name)) filters[name] = Number(params.get(name));
  if (params.get("journal")) filters.journals = [params.get("journal")];
  for (const name of LISTS) if (params.has(name)) filters[`${name}s`] = params.getAll(name);
  return { query: params.get("q"), mode: params.get("mode") ?? "hybrid", filters };
}

function tally() {
  const form = new FormData($("ask-form"));
  const set = SINGLES.filter((name) => form.get(name)).length + form.getAll("section").length + only.length + (form.get("mode") === "hybrid" ? 0 : 1);
  $("options-count").textContent = set ? `(${set} set)` : "";
}

function bind(papers) {
  only = papers;
  $("only").hidden = !papers.length;
  $("only").replaceChildren("Only ", papers.length === 1 ? "one paper" : `${papers.length} papers`,
    h("button", { type: "button", onclick: () => { bind([]); tally(); } }, "Ask all papers"));
}

async function journals() {
  const { papers } = await json("/papers?limit=1000").catch(() => ({ papers: [] }));
  const names = [...new Set(papers.map((paper) => paper.journal).filter(Boolean))].sort();
  $("journals").replaceChildren(...names.map((name) => h("option", { value: name })));
}

