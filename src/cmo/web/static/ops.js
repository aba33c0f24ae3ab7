// Operations: live figures from /api/metrics, looked at again every five seconds; drawn here, nothing else is loaded.
import { $, count, h, problemBox } from "./dom.js";
import { json } from "./service.js";

const SVG = "http://www.w3.org/2000/svg";
const SIZE = { width: 320, height: 104, left: 54, right: 6, top: 8, bottom: 18 };
const EVERY = 5000;
let paused = false;

const s = (tag, props, ...children) => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};
const number = (value) => (value === null || value === undefined ? "–" : Number(value.toPrecision(3)).toLocaleString("en"));
const ms = (value) => (value === null || value === undefined ? "–" : value >= 10000 ? `${number(value / 1000)} s` : `${number(value)} ms`);
const percent = (value) => (value === null || value === undefined ? "–" : `${number(100 * value)} %`);
const dollars = (value) => (value === null || value === undefined ? "no limit" : `$${value.toFixed(2)}`);
const bytes = (value) => `${number(value / 1e6)} MB`;
const spell = (seconds) => (seconds >= 172800 ? `${Math.round(seconds / 86400)} days` : seconds >= 7200 ? `${Math.round(seconds / 3600)} h` : seconds >= 120 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds)} s`);

function table(caption, columns, rows, none) {
  if (!rows.length) return [h("h2", {}, caption), h("p", { className: "soft" }, none)];
  return [h("h2", {}, caption), h("div", { className: "wide", tabIndex: 0, role: "region", "aria-label": caption }, h("table", {},
    h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell)))))))];
}

function health(parts, alerts) {
  const all = Object.entries(parts);
  const worst = ["unhealthy", "degraded", "healthy"].find((grade) => all.some(([, g]) => g === grade)) ?? "unknown";
  return [h("h2", {}, "Health: ", h("span", { className: worst }, worst)),
    h("ul", { className: "parts" }, all.map(([name, grade]) => h("li", {}, h("b", {}, name), " ", h("span", { className: grade }, grade)))),
    alerts.length ? table("Alerts", ["", "alert", "what is wrong", "what to do"], alerts.map((a) => [a.priority, h("b", { className: a.priority < "P2" ? "unhealthy" : "degraded" }, a.alert), a.summary, a.runbook]), "") : []].flat();
}

function figures(m) {
  const kept = Object.entries(m.questions.by_tier).filter(([tier]) => tier !== "made").reduce((sum, [, n]) => sum + n, 0);
  const asked = Object.values(m.questions.by_tier).reduce((sum, n) => sum + n, 0);
  const told = [
    ["requests a second", number(m.requests_per_second)], ["failed, last 5 min", percent(m.error_rate)],
    ["half within", ms(m.requests.p50_ms)], ["95 % within", ms(m.requests.p95_ms)], ["99 % within", ms(m.requests.p99_ms)],
    ["under way", number(m.in_progress)], ["questions", asked.toLocaleString("en")], ["answered from what is kept", asked ? percent(kept / asked) : "–"],
    ["confidence", number(m.questions.avg_confidence)], ["quality", number(m.questions.avg_quality)],
    ["memory", bytes(m.process.memory_bytes)], ["machine's processors", percent(m.process.machine_cpu)],
    ["papers", m.papers.toLocaleString("en")], ["snapshot made", `${spell(m.snapshot_age_seconds)} ago`], ["workers", number(m.workers)],
  ];
  return [h("h2", {}, "Now"), h("dl", { className: "figures" }, told.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))))];
}

// Lines over the last minutes; where nothing happened, a line has a gap.
function plot(title, every, lines, show) {
  const { width, height, left, right, top, bottom } = SIZE;
  const length = Math.max(2, ...lines.map((line) => line.values.length));
  const most = Math.max(1e-9, ...lines.flatMap((line) => line.values.filter((v) => v !== null)));
  const x = (n) => left + ((width - left - right) * n) / (length - 1);
  const y = (value) => height - bottom - ((height - top - bottom) * value) / most;
  const path = (values) => values.map((v, n) => (v === null ? "" : `${n && values[n - 1] !== null ? "L" : "M"}${x(n).toFixed(1)} ${y(v).toFixed(1)}h.01`)).join("");
  const last = lines.map((line) => `${line.name} ${show(line.values.at(-1) ?? null)}`).join(", ");
  const drawn = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title} over ${spell(every * length)}, at most ${show(most)}; now ${last}` },
    s("line", { class: "axis", x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }),
    s("line", { class: "axis", x1: left, x2: width - right, y1: top, y2: top }),
    s("text", { x: left - 4, y: top + 4, "text-anchor": "end" }, show(most)), s("text", { x: left - 4, y: height - bottom, "text-anchor": "end" }, "0"),
    s("text", { x: left, y: height - 4 }, `${spell(every * (length - 1))} ago`), s("text", { x: width - right, y: height - 4, "text-anchor": "end" }, "now"),
    ...lines.map((line, n) => s("path", { class: `l${n}`, d: path(line.values) })));
  const key = lines.length < 2 ? "" : h("ul", { className: "key" }, lines.map((line, n) => h("li", {}, s("svg", { viewBox: "0 0 16 5", "aria-hidden": "true" }, s("path", { class: `l${n}`, d: "M0 2.5h16" })), line.name)));
  return h("figure", {}, h("figcaption", {}, title, h("span", {}, show(lines[0].values.at(-1) ?? null))), drawn, key);
}

function plots(history) {
  const { series, every_seconds: every } = history;
  if (series.requests_per_second.length < 2) return [h("h2", {}, "The last minutes"), h("p", { className: "soft" }, "They are drawn once ten seconds have passed.")];
  const one = (name, label = name) => ({ name: label, values: series[name] });
  return [h("h2", {}, "The last minutes"), h("div", { className: "plots" },
    plot("Requests a second", every, [one("requests_per_second", "all"), one("questions_per_second", "questions")], number),
    plot("Time of a request", every, [one("p50_ms", "half"), one("p95_ms", "95 %"), one("p99_ms", "99 %")], ms),
    plot("Failed by our fault", every, [one("error_rate", "failed")], percent),
    plot("From what is kept", every, [one("cache_hit_rate", "kept"), one("abstention_rate", "not answered")], percent),
    plot("Processors in use", every, [one("cpu_cores", "cores")], number),
    plot("Memory", every, [one("memory_bytes", "memory")], bytes))];
}

function share(part, whole) {
  const wide = whole ? (100 * part) / whole : 0;
  return s("svg", { class: "share", viewBox: "0 0 100 8", preserveAspectRatio: "none", role: "img", "aria-label": `${Math.round(wide)} %` },
    s("rect", { width: 100, height: 8 }), s("rect", { width: Math.min(100, wide).toFixed(1), height: 8 }));
}

function answers({ by_source: sources, by_outcome: outcomes, abstentions }) {
  const rows = (values) => { const whole = Object.values(values).reduce((a, b) => a + b, 0); return Object.entries(values).map(([name, n]) => [name, n.toLocaleString("en"), share(n, whole)]); };
  return h("div", { className: "two" },
    h("div", {}, table("What came of questions", ["outcome", "questions", "share"], rows(outcomes), "Nobody has asked yet.")),
    h("div", {}, table("Where answers come from", ["source", "made", "share"], rows(sources), "None was made yet.")),
    h("div", {}, table("Why there was no answer", ["reason", "questions", "share"], rows(abstentions), "All questions were answered.")));
}

function money(m) {
  return h("div", { className: "two" },
    h("div", {}, table("Budget", ["window", "spent", "limit", "share"], Object.entries(m.budget).map(([name, b]) => [name, dollars(b.spent_usd), dollars(b.limit_usd), share(b.spent_usd, b.limit_usd)]), "No budget is known yet.")),
    h("div", {}, table("Releases", ["release", "phase", "stage", "users"], m.releases.map((r) => [r.release, r.phase, number(r.stage), `${number(r.percent)} %`]), "No release is on its way.")),
    h("div", {}, table("Webhooks", ["", "how many"], told(m.webhooks), "Nobody is told of papers and releases.")));
}

function told({ by_state: stands, attempts, waiting, oldest_seconds: oldest }) {
  const there = Object.entries(stands).filter(([, n]) => n);
  if (!there.length) return [];
  const rows = [...there, ...Object.entries(attempts).map(([outcome, n]) => [`attempts: ${outcome}`, n])].map(([name, n]) => [name, n.toLocaleString("en")]);
  return [...rows, ["events that wait", waiting ? `${waiting.toLocaleString("en")}, the oldest for ${spell(oldest)}` : "none"]];
}

function slow(m) {
  const whole = m.stages.reduce((sum, stage) => sum + stage.seconds, 0);
  return [table("Where the time goes", ["stage", "times", "mean", "share"], m.stages.map((stage) => [stage.stage, stage.count.toLocaleString("en"), ms(stage.avg_ms), share(stage.seconds, whole)]), "No question was answered anew yet."),
    table("The slowest requests", ["route", "time", "stages", "trace"], m.slowest.slice(0, 8).map((r) => [r.endpoint, ms(r.ms), r.stages.map((stage) => `${stage.stage} ${ms(stage.ms)}`).join(", "), h("code", {}, r.trace_id.slice(0, 16))]), "None yet.")].flat();
}

function refusals(m) {
  return table("The last refusals", ["when", "route", "status", "why", "request"],
    m.refusals.slice(0, 15).map((r) => [new Date(r.at).toLocaleTimeString(), r.endpoint, String(r.status), h("a", { href: `/problems/${encodeURIComponent(r.code)}` }, r.code), h("code", {}, r.request_id.slice(0, 16))]), "Nothing was refused.");
}

function show(m) {
  const views = { health: health(m.health, m.alerts), now: figures(m), plots: plots(m.history), answers: [answers(m.questions)], money: [money(m)], stages: slow(m), refusals: refusals(m) };
  for (const [name, view] of Object.entries(views)) $(name).replaceChildren(...view.flat());
  $("fresh").textContent = `${count(m.requests.count, "request")} so far; looked at ${new Date().toLocaleTimeString()}`;
}

async function look() {
  try {
    show(await json("/api/metrics"));
    $("notice").replaceChildren();
  } catch (problem) {
    $("notice").replaceChildren(problemBox(problem, look));
  }
}

$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
});
for (;;) {
  if (!paused && !document.hidden) await look();
  await new Promise((resolve) => { setTimeout(resolve, EVERY); });
}
