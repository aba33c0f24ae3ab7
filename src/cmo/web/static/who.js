// Says who is logged in, and logs them out. Where no key is needed there is nobody to name.

const reply = await fetch("/api/me").catch(() => null);
const me = reply?.ok ? await reply.json() : null;

if (me?.key) {
  const name = document.createElement("span"), out = document.createElement("button");
  name.textContent = me.tenant ? `${me.name} (${me.tenant})` : me.name;
  out.type = "button";
  out.textContent = "Log out";
  out.addEventListener("click", async () => {
    await fetch("/logout", { method: "POST" }).catch(() => null);
    location.assign(me.provider ? "/login?out" : "/login");
  });
  const box = document.createElement("div");
  box.className = "who soft";
  box.append(name, out);
  document.querySelector("header")?.append(box);
}
