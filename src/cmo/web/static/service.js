// What the page asks of the service. Failures are thrown as problems (RFC 9457).

async function failed(response) {
  if (response.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
  try {
    return await response.json();
  } catch {
    return { title: `Error ${response.status}`, detail: response.statusText };
  }
}

async function asked(path, options) {
  const response = await fetch(path, options).catch(() => { throw {}; });
  if (!response.ok) throw await failed(response);
  return response;
}

export const json = async (path, options) => (await asked(path, options)).json();

// A name for this visit, so that one conversation is answered by one release; it ends with the tab.
function visit() {
  try {
    const known = sessionStorage.getItem("visit");
    if (known) return known;
    const made = [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    sessionStorage.setItem("visit", made);
    return made;
  } catch {
    return ""; // where nothing may be kept, nobody is recognised
  }
}

// Ask a question; `on` is called with each event's name and data as it comes.
export async function ask(question, on, signal) {
  const response = await asked("/query", {
    method: "POST", signal, body: JSON.stringify(question),
    headers: { "Content-Type": "application/json", Accept: "text/event-stream", "X-Session-ID": visit() },
  });
  const reader = response.body.getReader(), decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const whole = text.split("\n\n");
    text = whole.pop();
    for (const event of whole) tell(event, on);
  }
}

function tell(event, on) {
  const name = /^event: (.*)$/m.exec(event);
  const data = /^data: (.*)$/m.exec(event);
  if (name && data) on(name[1], JSON.parse(data[1]));
}

// Send files; XMLHttpRequest because fetch tells nothing of what has been sent.
export function upload(files, onProgress) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    for (const file of files) form.append("files", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", "/papers");
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    request.onload = () => (request.status === 200 ? resolve(request.response) : reject(request.response ?? {}));
    request.onerror = () => reject({});
    request.send(form);
  });
}
