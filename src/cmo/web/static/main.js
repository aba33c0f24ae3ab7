// The page: which view is shown, and what the address says.
import { $, count } from "./dom.js";
import { json } from "./service.js";
import * as asking from "./ask.js";
import * as library from "./library.js";

const view = () => (location.hash === "#library" ? "library" : "ask");

function show() {
  const shown = view();
  for (const name of ["ask", "library"]) $(name).hidden = name !== shown;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === shown) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const skip = document.querySelector(".skip");
  [skip.hash, skip.textContent] = shown === "library" ? ["library", "Skip to the library"] : ["question", "Skip to the question"];
  if (shown === "library") library.show();
  else asking.fromAddress();
}

export async function refreshState() {
  try {
    const { status, details, components } = await json("/health");
    $("paper-count").textContent = details.papers || "";
    $("state").textContent = status === "unhealthy" ? "The service is not well" :
      `${count(details.papers, "paper")} · ${count(details.passages, "passage")}` + (details.snapshot ? ` · snapshot ${details.snapshot}` : "");
    $("state").title = Object.entries(components).map(([name, part]) => `${name}: ${part.status} (${part.detail})`).join("\n");
  } catch (problem) {
    $("state").textContent = problem.components?.model?.detail || "The service cannot be reached";
  }
}

function go(event) {
  const link = event.target.closest('a[data-view="ask"], a[data-view="library"], #home');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const target = link.dataset.view === "ask" ? asking.address() : link.getAttribute("href");
  history.pushState(null, "", target);
  show();
  if (view() === "ask") $("question").focus();
}

document.addEventListener("click", go);
document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !typing && view() === "ask") {
    event.preventDefault();
    $("question").focus();
  }
});
addEventListener("popstate", show);
document.addEventListener("papers-changed", refreshState);
document.addEventListener("go", (event) => { history.pushState(null, "", event.detail); show(); });
asking.start();
library.start();
refreshState();
show();
document.querySelector("main").classList.remove("waiting");
