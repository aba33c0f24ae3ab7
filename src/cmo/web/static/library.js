// The library: what is there, adding to it, taking out of it.
import { $, byline, count, doiLink, h, problemBox } from "./dom.js";
import { json, upload } from "./service.js";

const PAGE = 50; // papers shown at once
const BATCH = 8; // files in one request: few enough that outcomes come soon

let shown = 0;
let wait = 0;
let doomed = null; // the paper that is about to be retracted
let outdated = null; // the one that is about to be replaced

export function start() {
  const drop = $("drop");
  $("files").addEventListener("change", (event) => { send([...event.target.files]); event.target.value = ""; });
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); send([...event.dataTransfer.files]); });
  $("newer").addEventListener("change", (event) => { sendBatch([...event.target.files], outdated); event.target.value = ""; });
  $("match").addEventListener("input", () => { clearTimeout(wait); wait = setTimeout(show, 150); });
  $("more").addEventListener("click", () => list(shown));
  $("keep").addEventListener("click", () => $("retract").close());
  $("retract").querySelector("form").addEventListener("submit", (event) => { event.preventDefault(); retract(); });
}

export function show() {
  return list(0);
}

async function list(offset) {
  const match = $("match").value;
  try {
    const [found, status] = await Promise.all([
      json(`/papers?${new URLSearchParams({ match, offset, limit: PAGE })}`), json("/kb/status"),
    ]);
    if (match !== $("match").value) return; // an older reply
    $("holdings").textContent = `${count(status.papers, "paper")}, ${count(status.passages, "passage")}` + (status.retracted ? `, ${status.retracted} retracted` : "");
    const rows = found.papers.map(row);
    if (offset) $("papers").append(...rows);
    else $("papers").replaceChildren(...(rows.length ? rows : [h("li", { className: "none" }, match ? "No paper matches." : "No papers yet. Add some above.")]));
    shown = offset + rows.length;
    $("more").hidden = shown >= found.total;
  } catch (problem) {
    $("papers").replaceChildren(h("li", {}, problemBox(problem, show)));
  }
}

function row(paper) {
  const facts = [byline(paper), count(paper.pages, "page"), paper.version > 1 ? `version ${paper.version}` : ""].filter(Boolean).join(" · ");
  return h("li", {},
    h("div", { className: "what" }, h("a", { className: "title", href: `/read?${new URLSearchParams({ paper: paper.paper_id })}` }, paper.title), h("div", { className: "meta" }, facts, paper.doi ? " · " : "", doiLink(paper))),
    h("div", { className: "do" },
      h("button", { type: "button", "aria-label": `Ask only this paper: ${paper.title}`, onclick: () => askOnly(paper) }, "Ask this paper"),
      h("button", { type: "button", "aria-label": `Replace ${paper.title}`, title: "By a newer file of the same paper", onclick: () => { outdated = paper; $("newer").click(); } }, "Replace"),
      h("button", { type: "button", className: "danger", "aria-label": `Retract ${paper.title}`, onclick: () => warn(paper) }, "Retract")));
}

function askOnly(paper) {
  const params = new URLSearchParams({ q: "What does this paper say about metabolites?", paper: paper.paper_id });
  document.dispatchEvent(new CustomEvent("go", { detail: `/?${params}` }));
}

async function send(files) {
  for (let n = 0; n < files.length; n += BATCH) await sendBatch(files.slice(n, n + BATCH));
}

async function sendBatch(files, former = null) {
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Upload" });
  const label = h("span", {}, `Sending ${count(files.length, "file")} …`);
  const card = h("div", { className: "upload" }, label, bar);
  $("uploads").prepend(card);
  try {
    const { outcomes } = await upload(files, (share) => {
      bar.value = share;
      if (share === 1) { label.textContent = `Reading ${count(files.length, "file")} …`; bar.removeAttribute("value"); }
    });
    card.replaceChildren(h("ul", {}, outcomes.map(fate)), ...outcomes.filter((outcome) => another(outcome, former)).map(() => told(former)));
  } catch (problem) {
    card.replaceChildren(problemBox(problem, () => { card.remove(); sendBatch(files, former); }));
    if (problem.outcomes?.length) card.append(h("ul", {}, problem.outcomes.map(fate)));
  }
  document.dispatchEvent(new Event("papers-changed"));
  await show();
}

function fate(outcome) {
  const words = outcome.status === "refused" ? `${outcome.detail} ${outcome.remedy}` : outcome.detail || (outcome.status === "unchanged" ? "It is here already." : `${count(outcome.pages, "page")}, ${count(outcome.chunks, "passage")}`);
  return h("li", {}, h("span", { className: `fate ${outcome.status}` }, outcome.status), h("strong", {}, outcome.source), " ", h("span", { className: "soft" }, words));
}

// A file replaces a paper where its DOI, PMID or title is the same; else it is another one, and both stay.
const another = (outcome, former) => former && ["added", "replaced"].includes(outcome.status) && outcome.paper_id !== former.paper_id;

function told(former) {
  return h("p", { className: "soft" }, "It is another paper by DOI, PMID and title, so ", h("strong", {}, former.title), " stays as well. Retract that one if this one is to stand in its place.");
}

function warn(paper) {
  doomed = paper;
  $("retract-paper").textContent = paper.title;
  $("retract-problem").hidden = true;
  $("reason").value = "";
  $("retract").showModal();
  $("reason").focus();
}

async function retract() {
  $("confirm").disabled = true;
  try {
    await json(`/papers/${encodeURIComponent(doomed.paper_id)}?${new URLSearchParams({ reason: $("reason").value })}`, { method: "DELETE" });
    $("retract").close();
    document.dispatchEvent(new Event("papers-changed"));
    await show();
  } catch (problem) {
    $("retract-problem").textContent = problem.detail || "The service cannot be reached.";
    $("retract-problem").hidden = false;
  } finally {
    $("confirm").disabled = false;
  }
}
