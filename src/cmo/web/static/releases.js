// Releases: what is on its way to whom, what the gates say, who did what. Looks again every two seconds.
import { $, h, problemBox } from "./dom.js";
import { json } from "./service.js";

const SVG = "http://www.w3.org/2000/svg";
const SIZE = { width: 320, height: 110, left: 4, right: 4, top: 8, bottom: 18 };
const EVERY = 2000;

const s = (tag, props, ...children) => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};
const percent = (value) => `${Number(value.toPrecision(4))} %`;
const when = (seconds) => new Date(seconds * 1000).toLocaleString();
const settings = (value) => Object.entries(value).map(([name, v]) => `${name}=${v}`).join(", ");

function span(seconds) {
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  return `${Math.max(0, Math.round(seconds))} s`;
}

function table(columns, rows) {
  return h("div", { className: "wide" }, h("table", {}, h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell)))))));
}

function stages(rollout) {
  return h("ol", { className: "stages" }, rollout.plan.stages.map((value, n) => h("li", {
    className: n < rollout.stage - 1 ? "past" : "",
    "aria-current": n === rollout.stage - 1 && rollout.percent > 0 ? "step" : null,
  }, percent(value))));
}

function gates(list) {
  if (!list.length) return h("p", { className: "soft" }, "The gates have seen nothing yet.");
  return table(["gate", "says", "towards failing", "evidence"], list.map((gate) => [
    gate.gate, h("span", { className: gate.verdict }, gate.verdict),
    h("meter", { min: 0, max: 1, low: 0.5, high: 0.95, optimum: 0, value: Math.min(1, gate.evidence), title: gate.evidence.toFixed(2) }), gate.text]));
}

function card(rollout, now) {
  const base = rollout.baseline || "the settings";
  const share = rollout.share < rollout.percent ? ` (held at ${percent(rollout.share)} by a switch)` : "";
  return h("div", { className: "card" },
    h("h2", {}, rollout.name),
    h("p", {}, `${rollout.release} (${settings(rollout.settings)}) over ${base}; plan ${rollout.plan.name}, begun ${when(rollout.begun_at)}`),
    stages(rollout),
    h("p", {}, h("span", { className: `phase ${rollout.phase}` }, rollout.phase), ` at ${percent(rollout.percent)}${share} for ${span(now - rollout.since)}: ${rollout.reason}`),
    gates(rollout.gates));
}

// One gate over time: towards failing, with the line at which it fails.
function plot(name, points) {
  const { width, height, left, right, top, bottom } = SIZE;
  const times = points.map((p) => p.at); // a clock may have jumped
  const from = Math.min(...times), to = Math.max(...times), long = Math.max(1e-9, to - from);
  const most = Math.max(1.15, ...points.map((p) => Math.min(2, p.evidence)));
  const x = (at) => left + ((width - left - right) * (at - from)) / long;
  const y = (value) => height - bottom - ((height - top - bottom) * Math.min(most, Math.max(0, value))) / most;
  const line = points.map((p) => `${x(p.at).toFixed(1)},${y(p.evidence).toFixed(1)}`).join(" ");
  const last = points.at(-1);
  return h("div", { className: "plot" }, h("h3", {}, name, " ", h("span", { className: last.verdict }, last.verdict)),
    s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${name}: evidence towards failing, now ${last.evidence.toFixed(2)} of 1` },
      s("line", { class: "axis", x1: left, x2: width - right, y1: y(0), y2: y(0) }),
      s("line", { class: "limit", x1: left, x2: width - right, y1: y(1), y2: y(1) }),
      s("text", { x: left, y: y(1) - 3 }, "fails"),
      s("polyline", { class: "line", points: line }),
      s("text", { x: left, y: height - 4 }, new Date(from * 1000).toLocaleTimeString()),
      s("text", { x: width - right, y: height - 4, "text-anchor": "end" }, new Date(to * 1000).toLocaleTimeString())));
}

function plots(evidence) {
  const byGate = new Map();
  for (const seen of evidence) for (const gate of seen.gates) {
    byGate.set(gate.gate, [...(byGate.get(gate.gate) ?? []), { at: seen.at, evidence: gate.evidence, verdict: gate.verdict }]);
  }
  if (!byGate.size) return [];
  return [h("h2", {}, "Evidence over time"), h("div", { className: "plots" }, [...byGate].map(([name, points]) => plot(name, points)))];
}

function draw(facts) {
  $("notice").replaceChildren(facts.delivery ? "" : h("p", { className: "problem" }, "This service answers everybody by its settings: set CMO_DELIVERY=true to let releases answer."));
  $("rollout").replaceChildren(facts.rollout ? card(facts.rollout, facts.now)
    : h("p", { className: "soft" }, "Nothing was rolled out yet. ", h("code", {}, "cmo rollout start NAME --set max_hops=2"), " begins."));
  $("evidence").replaceChildren(...plots(facts.evidence));
  $("act").hidden = !(facts.changeable && facts.rollout);
  $("history").replaceChildren(h("h2", {}, "Who did what"), table(["when", "who", "what", "of", "why"],
    facts.history.map((act) => [when(act.at), act.actor, act.action, act.subject, act.reason])));
  $("known").replaceChildren(h("h2", {}, "Releases"), table(["name", "settings", "about"], facts.releases.map((r) => [r.name, settings(r.settings), r.about])),
    h("h2", {}, "Flags"), table(["flag", "value", "from", "about"], facts.flags.map((f) => [f.name, String(f.value), f.percent == null ? f.source : `${f.source}, ${percent(f.percent)}`, f.about])));
  $("fresh").textContent = `as of ${new Date(facts.now * 1000).toLocaleTimeString()}`;
}

async function look() {
  try {
    draw(await json("/api/releases"));
  } catch (problem) {
    $("fresh").textContent = "";
    $("notice").replaceChildren(problemBox(problem));
  }
}

$("act-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  try {
    const said = await json(`/api/releases/rollout/${event.submitter.value}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(form.get("token") ? { Authorization: `Bearer ${form.get("token")}` } : {}) },
      body: JSON.stringify({ actor: form.get("actor"), reason: form.get("reason") }),
    });
    $("told").textContent = `${said.phase} at ${percent(said.percent)}`;
  } catch (problem) {
    $("told").replaceChildren(problemBox(problem));
  }
  await look();
});

await look();
setInterval(() => document.hidden || look(), EVERY);
