// Logs in with a key; where to go afterwards is checked by the service.

const form = document.getElementById("login"), said = document.getElementById("said");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  said.hidden = true;
  const next = new URLSearchParams(location.search).get("next") ?? "/";
  const reply = await fetch("/login", {
    method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ key: form.elements.key.value.trim(), next }),
  }).catch(() => null);
  const told = reply && await reply.json().catch(() => null);
  if (reply?.ok) {
    location.assign(told.next);
    return;
  }
  said.textContent = told?.detail ?? "The service does not answer.";
  said.hidden = false;
  form.elements.key.select();
});
