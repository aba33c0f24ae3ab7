// The interface as a page, drawn from its OpenAPI document.
import { $, h } from "./dom.js";
import { json } from "./service.js";

const spec = await json("/openapi.json");

const resolve = (schema) => (schema?.$ref ? spec.components.schemas[schema.$ref.split("/").pop()] : schema);

// A schema as an example of itself, which is shorter to read than the schema.
function example(schema, depth = 0) {
  const plain = resolve(schema) ?? {};
  if (plain.examples) return plain.examples[0];
  if (plain.anyOf) return example(plain.anyOf[0], depth);
  if (plain.enum) return plain.enum.join(" | ");
  if (plain.const) return plain.const;
  if (plain.type === "array") return depth > 5 ? [] : [example(plain.items, depth + 1)];
  if (plain.properties) return Object.fromEntries(Object.entries(plain.properties).map(([name, inner]) => [name, example(inner, depth + 1)]));
  return plain.type ?? "any";
}

// Text with `code` in it.
function marked(text) {
  return text.split("`").map((part, n) => (n % 2 ? h("code", {}, part) : part));
}

function parameters(list = []) {
  if (!list.length) return "";
  return h("table", {}, h("tbody", {}, list.map((parameter) => h("tr", {},
    h("td", {}, h("code", {}, parameter.name)), h("td", { className: "soft" }, `${parameter.in}${parameter.required ? ", required" : ""}`),
    h("td", {}, marked(parameter.description ?? parameter.schema?.description ?? ""))))));
}

function shape(title, content = {}) {
  const kind = Object.keys(content).find((name) => content[name].schema);
  if (!kind) return "";
  const shown = kind === "multipart/form-data" ? "curl -F files=@paper.pdf -F files=@other.pdf http://127.0.0.1:8000/papers" : JSON.stringify(example(content[kind].schema), null, 2);
  return h("details", {}, h("summary", {}, `${title} (${kind})`), h("pre", { tabIndex: 0 }, shown));
}

function route(path, method, operation) {
  const failures = Object.keys(operation.responses).filter((code) => code >= "400").join(", ");
  return h("section", { className: "route" },
    h("h3", {}, h("span", { className: "method" }, method.toUpperCase()), path),
    ...(operation.description ?? operation.summary).split("\n\n").map((text) => h("p", {}, marked(text))),
    parameters(operation.parameters), shape("Request", operation.requestBody?.content), shape("Reply", operation.responses["200"]?.content),
    h("p", { className: "soft" }, failures ? `Problems: ${failures}` : ""));
}

const groups = new Map();
for (const [path, operations] of Object.entries(spec.paths)) {
  for (const [method, operation] of Object.entries(operations)) {
    const group = operation.tags?.[0] ?? "other";
    groups.set(group, [...(groups.get(group) ?? []), route(path, method, operation)]);
  }
}
$("routes").replaceChildren(...[...groups].flatMap(([name, routes]) => [h("h2", {}, name[0].toUpperCase() + name.slice(1)), ...routes]));
