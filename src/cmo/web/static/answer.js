// An answer: sentences that lead to their page, its sources, how far to trust it; or why there is none.
import { $, byline, count, doiLink, h, problemBox } from "./dom.js";
import * as page from "./page.js";
import * as relations from "./relations.js";

const WORDS = [[80, "High confidence"], [55, "Fair confidence"], [0, "Low confidence: read the page"]];
const JOINER = "\u2060"; // no line break between a sentence and its number
const MODES = {
  hybrid: "words and meaning",
  mix: "words, meaning and relations",
  local: "the concepts named",
  global: "relations alone",
  naive: "meaning alone",
};

export function begin(question) {
  $("asked").textContent = question;
  $("notice").replaceChildren();
  $("after").replaceChildren();
  $("answer").setAttribute("aria-busy", "true");
  wait("Searching the papers");
}

// What is being done; before the first sentence for those who listen, too. What was shown and does not stand goes.
export function stage({ stage, text }) {
  if (stage === "withdrawn") {
    page.clear();
    $("answer").replaceChildren();
    $("notice").replaceChildren(h("p", { className: "note", role: "status" }, text));
    wait(text);
  }
  const said = $("answer").querySelector(".thinking .unseen");
  if (said && said.textContent !== text) said.textContent = text;
}

function wait(text) {
  $("answer").replaceChildren(h("div", { className: "thinking", role: "status" }, h("span", { className: "unseen" }, text), h("i"), h("i"), h("i")));
}

export function addSentence(sentence) {
  const answer = $("answer");
  answer.querySelector(".thinking")?.remove();
  answer.setAttribute("aria-busy", "false"); // it stands: read it out, though more may follow
  const number = sentence.citations[0];
  let paragraph = answer.lastElementChild;
  if (paragraph?.dataset.number !== String(number)) {
    paragraph = h("p", { className: "said" });
    paragraph.dataset.number = number;
    answer.append(paragraph);
  }
  page.know(sentence.papers);
  const printed = sentence.evidence.filter((evidence) => evidence.image);
  const places = printed.map((evidence) => page.add(evidence));
  const last = places[places.length - 1];
  const link = last
    ? h("a", { className: "sentence", href: last.evidence.image, title: `Show on page ${last.evidence.page}`, onclick: (event) => choose(event, last) }, sentence.translation || sentence.text)
    : h("a", { className: "sentence", ...abroad(sentence.evidence[0]) }, sentence.translation || sentence.text);
  const original = sentence.translation ? h("q", { className: "original", lang: "en" }, sentence.text) : "";
  for (const place of places) place.link = link;
  paragraph.append(link, ...sentence.citations.flatMap((number) => [JOINER, mark(number)]), " ", original, original ? " " : "");
  if (last && last.number === places.length) page.show(0);
}

export function finish(reply) {
  $("answer").setAttribute("aria-busy", "false");
  $("notice").append(reply.notice ? h("p", { className: "note", role: "note" }, reply.notice) : "", relations.readAs(reply));
  if (reply.refusal) {
    refuse(reply);
    return;
  }
  page.name(reply.citations);
  $("after").append(verdict(reply), relations.table(reply, evidenceLink), relations.chains(reply), trust(reply.confidence), h("h3", {}, reply.citations.length === 1 ? "Source" : "Sources"),
    h("ol", { className: "sources" }, reply.citations.map((paper) => source(paper, reply))), facts(reply));
}

export function fail(problem, again) {
  $("answer").setAttribute("aria-busy", "false");
  $("answer").querySelector(".thinking")?.remove();
  $("notice").replaceChildren(problemBox(problem, again));
  if (!$("answer").childElementCount) $("ask").classList.add("noevidence");
}

function choose(event, place) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  page.show(place.number - 1, { scroll: true });
}

function abroad(evidence) { // a page of the web: its own site shows it
  return { href: evidence.url, title: evidence.url, target: "_blank", rel: "noopener noreferrer" };
}

function evidenceLink(evidence) {
  if (!evidence.image) return h("a", { className: "cite", ...abroad(evidence) }, String(evidence.citation));
  const place = page.add(evidence);
  place.link = h("a", { className: "cite", href: evidence.image, title: evidence.text, onclick: (event) => choose(event, place) }, String(evidence.citation));
  return place.link;
}

function mark(number) {
  return h("a", { className: "cite", href: `#source-${number}`, "aria-label": `Source ${number}`, onclick: (event) => {
    event.preventDefault();
    $(`source-${number}`)?.scrollIntoView({ block: "nearest", behavior: "smooth" });
    $(`source-${number}`)?.focus();
  } }, String(number));
}

// Yes or no, where the question asks for it; only a sentence that concludes is believed.
function verdict(reply) {
  const said = reply.verdict;
  if (!said) return "";
  if (said.sentence === null) return h("p", { className: "verdict soft" }, "No sentence quoted draws a conclusion, so this says neither yes nor no.");
  const words = { yes: "Yes", no: "No", unsure: "Neither yes nor no for certain" }[said.answer];
  const concluding = reply.evidence.find((evidence) => evidence.id === said.evidence);
  const sure = Math.round(Math.max(said.probability, 1 - said.probability) * 100);
  return h("p", { className: "verdict" }, h("strong", {}, words), h("span", { className: "soft" }, `, ${sure} in 100, by what concludes: `), concluding ? evidenceLink(concluding) : "", concluding ? ` “${concluding.text}”` : "");
}

function trust(confidence) {
  const hundred = Math.round(confidence * 100);
  const words = WORDS.find(([least]) => hundred >= least)[1];
  return h("details", { className: "trust" },
    h("summary", {}, gauge(confidence), h("strong", {}, words), h("span", { className: "soft" }, confidence.toFixed(2))),
    h("p", {}, `Calibrated on questions with known answers: of answers shown with this number, about ${hundred} in 100 open with a sentence that bears on the question. It does not say that the paper is right. Open the page and judge.`));
}

function gauge(share) {
  const bar = h("i");
  bar.style.width = `${share * 100}%`;
  return h("span", { className: "gauge", "aria-hidden": "true" }, bar);
}

function source(paper, reply) {
  const quoted = reply.evidence.filter((evidence) => evidence.citation === paper.number);
  const pages = [...new Set(quoted.map((evidence) => evidence.page))].sort((a, b) => a - b);
  const web = paper.format === "web";
  const where = web ? "web page" : `${pages.length === 1 ? "page" : "pages"} ${pages.join(", ")}`;
  const title = web ? h("a", abroad({ url: paper.source }), paper.title) : paper.title;
  return h("li", { id: `source-${paper.number}`, tabIndex: -1 },
    h("span", { className: "number" }, String(paper.number)),
    h("div", {}, h("div", { className: "title" }, title),
      h("div", { className: "meta" }, [byline(paper), where].filter(Boolean).join(" · "), paper.doi ? " · " : "", doiLink(paper))));
}

function facts(reply) {
  const copy = h("button", { type: "button", onclick: async () => {
    await navigator.clipboard.writeText(`${reply.answer}\n\n${reply.sources.map((text, n) => `[${n + 1}] ${text}`).join("\n")}`);
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy with sources"; }, 2000);
  } }, "Copy with sources");
  return h("p", { className: "facts" }, h("span", {}, `${reply.processing_time_ms.toFixed(0)} ms`), h("span", {}, `${count(reply.searched, "passage")} searched by ${MODES[reply.mode] ?? reply.mode}`), h("span", {}, `snapshot ${reply.snapshot}`), copy, ...exports(reply), rating(reply));
}

function exports(reply) {
  return [["BibTeX", "bibtex"], ["RIS", "ris"]].map(([name, style]) =>
    h("a", { href: `/api/answers/${reply.id}/references?style=${style}`, download: `answer-${reply.id}.${style === "ris" ? "ris" : "bib"}` }, name));
}

function rating(reply) {
  const said = h("span", { className: "rating", role: "status" });
  const send = async (rating) => {
    const sent = await fetch("/api/feedback", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ answer_id: reply.id, rating }) }).catch(() => null);
    said.replaceChildren(sent?.ok ? "Thank you." : "Your rating could not be kept.");
  };
  said.append("Good answer? ", h("button", { type: "button", onclick: () => send(5) }, "Yes"), " ", h("button", { type: "button", onclick: () => send(1) }, "No"));
  return said;
}

const REMEDIES = {
  "empty-base": ["There are no papers to answer from yet.", "Add some in the library, then ask again."],
  "nothing-eligible": ["No passage meets the options that you set.", "Widen the years, sections or journal, or clear them."],
};
const TOLD_BY_ROUTER = ["unsafe", "out-of-scope"]; // its message says why, and what to do instead

function refuse(reply) {
  $("ask").classList.add("noevidence");
  const { reason, message, nearest, searched } = reply.refusal;
  const [said, remedy] = TOLD_BY_ROUTER.includes(reason) ? [message, ""] : REMEDIES[reason] ?? ["The papers do not say enough to answer this.",
    `${count(searched, "passage")} searched. Rather than guess, here is what came nearest; ask more narrowly, or add papers on the subject.`];
  $("answer").replaceChildren(h("div", { className: "refusal" }, h("p", {}, said), remedy ? h("p", {}, remedy) : "",
    reason === "empty-base" ? h("a", { className: "button primary", href: "/#library", "data-view": "library" }, "Open the library") : ""));
  if (nearest.length) {
    $("after").append(h("h3", {}, "Nearest papers"), h("ol", { className: "sources" }, nearest.map((paper, n) => h("li", {},
      h("span", { className: "number" }, String(n + 1)),
      h("div", {}, h("div", { className: "title" }, paper.title), h("div", { className: "meta" }, byline(paper), paper.doi ? " · " : "", doiLink(paper)))))));
  }
}
