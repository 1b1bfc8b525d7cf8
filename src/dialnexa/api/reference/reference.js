// The interactive reference: reads the OpenAPI document of this very server and draws it. No library, no other host.

const VERBS = ["get", "post", "put", "patch", "delete"];
const KEY = "dialnexa-key";
const page = document.getElementById("reference");
const contents = document.getElementById("contents");
const keyField = document.getElementById("key");
let api;

/** Make an element; text always goes in as text, so nothing of the document can become markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Show prose with its `code` and **stress**, the only Markdown the document uses. */
function prose(tag, text) {
  const parts = (text || "").split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) =>
    part.startsWith("`") ? make("code", {}, part.slice(1, -1))
      : part.startsWith("**") ? make("strong", {}, part.slice(2, -2)) : part);
  return make(tag, {}, ...parts);
}

/** Follow a reference into the document. */
function resolve(schema) {
  if (!schema || !schema.$ref) return schema || {};
  return schema.$ref.replace("#/", "").split("/").reduce((place, step) => place[step], api);
}

/** Say in a few words what a schema is. */
function kindOf(schema) {
  const known = resolve(schema);
  const choices = known.anyOf || known.oneOf;
  if (choices) return choices.filter((choice) => choice.type !== "null").map(kindOf).join(" or ");
  if (known.const !== undefined) return JSON.stringify(known.const);
  if (known.enum) return known.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (known.type === "array") return `array of ${kindOf(known.items)}`;
  const limits = [];
  if (known.minimum !== undefined) limits.push(`≥ ${known.minimum}`);
  if (known.maximum !== undefined) limits.push(`≤ ${known.maximum}`);
  if (known.maxLength !== undefined) limits.push(`≤ ${known.maxLength} characters`);
  if (known.default !== undefined && known.default !== null) limits.push(`default ${JSON.stringify(known.default)}`);
  return [known.format || known.type || "any", ...limits].join(", ");
}

/** Return the object schemas inside a schema whose fields are worth listing. */
function objectOf(schema) {
  const known = resolve(schema);
  if (known.properties) return known;
  if (known.type === "array") return objectOf(known.items);
  for (const choice of known.anyOf || known.oneOf || []) {
    const found = objectOf(choice);
    if (found) return found;
  }
  return null;
}

function fieldRows(schema, depth = 0, seen = []) {
  const known = objectOf(schema);
  if (!known || depth > 3 || seen.includes(known)) return [];
  const needed = new Set(known.required || []);
  return Object.entries(known.properties).flatMap(([name, field]) => [
    make(
      "tr", {},
      named(name, needed.has(name), depth),
      make("td", { class: "kind" }, kindOf(field)),
      prose("td", resolve(field).description),
    ),
    ...fieldRows(field, depth + 1, [...seen, known]),
  ]);
}

function named(name, needed, depth = 0) {
  const cell = make("td", {}, name, needed ? make("span", { class: "needed" }, " required") : null);
  cell.style.setProperty("--depth", depth);
  return cell;
}

function folded(title, ...children) {
  return make("details", {}, make("summary", {}, title), ...children);
}

function parameterTable(parameters) {
  if (!parameters.length) return null;
  const rows = parameters.map((one) =>
    make(
      "tr", {},
      named(one.name, one.required),
      make("td", { class: "kind" }, `${one.in}: ${kindOf(one.schema)}`),
      prose("td", one.description),
    ));
  return make("div", {}, make("h4", {}, "Parameters"), make("table", {}, ...rows));
}

function jsonOf(content) {
  return content && content["application/json"] ? content["application/json"].schema : null;
}

function responseList(responses) {
  const rows = Object.entries(responses).map(([status, response]) => {
    const schema = jsonOf(response.content);
    const good = status.startsWith("2") && schema && objectOf(schema);
    return make(
      "div", {},
      make("span", { class: "path" }, `${status} `), prose("span", response.description),
      good ? folded("Fields", make("table", {}, ...fieldRows(schema))) : null,
    );
  });
  return folded("Answers", ...rows);
}

/** Build the smallest body that fits a schema, as a start for trying. */
function example(schema, depth = 0) {
  const known = resolve(schema);
  if (known.examples && known.examples.length) return known.examples[0];
  if (known.default !== undefined) return known.default;
  if (known.const !== undefined) return known.const;
  if (known.enum) return known.enum[0];
  const choice = (known.anyOf || known.oneOf || [])[0];
  if (choice) return example(choice, depth);
  if (known.properties && depth < 4) {
    const needed = known.required || [];
    return Object.fromEntries(needed.map((name) => [name, example(known.properties[name], depth + 1)]));
  }
  return { string: "", integer: 0, number: 0, boolean: false, array: [], object: {} }[known.type] ?? null;
}

/** Show a header for the shell; the key stays off the screen, and out of screenshots. */
function headerOf(name, value) {
  return name === "Authorization" ? '-H "Authorization: Bearer $DIALNEXA_API_KEY"' : `-H ${quoted(`${name}: ${value}`)}`;
}

/** Quote a word for a POSIX shell. */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function requestOf(verb, path, parameters, form, body) {
  let address = path;
  const query = new URLSearchParams();
  const headers = {};
  for (const one of parameters) {
    const value = form.elements[`${one.in}:${one.name}`].value.trim();
    if (one.in === "path") address = address.replace(`{${one.name}}`, encodeURIComponent(value));
    else if (value && one.in === "query") query.set(one.name, value);
    else if (value && one.in === "header") headers[one.name] = value;
  }
  if (keyField.value.trim()) headers.Authorization = `Bearer ${keyField.value.trim()}`;
  if (body !== null) headers["Content-Type"] = "application/json";
  const url = new URL(address + (query.size ? `?${query}` : ""), location.origin);
  return { url, options: { method: verb.toUpperCase(), headers, body: body ?? undefined } };
}

function curlOf({ url, options }) {
  const lines = [`curl -X ${options.method} ${quoted(url.href)}`];
  for (const [name, value] of Object.entries(options.headers)) lines.push(headerOf(name, value));
  if (options.body !== undefined) lines.push(`-d ${quoted(options.body)}`);
  return lines.join(" \\\n  ");
}

async function answerOf(request) {
  const started = performance.now();
  const response = await fetch(request.url, request.options);
  const took = Math.round(performance.now() - started);
  const type = response.headers.get("content-type") || "";
  const text = type.includes("json") ? JSON.stringify(await response.json(), null, 2)
    : type.startsWith("text/") ? await response.text()
    : `${(await response.blob()).size} bytes of ${type || "nothing"}`;
  return `${response.status} ${response.statusText} in ${took} ms\n\n${text}`;
}

function tryForm(verb, path, operation) {
  const parameters = operation.parameters || [];
  const schema = operation.requestBody ? jsonOf(operation.requestBody.content) : null;
  const area = schema ? make("textarea", { spellcheck: "false", "aria-label": "Body" }) : null;
  if (area) area.value = JSON.stringify(example(schema), null, 2);
  const fields = parameters.map((one) =>
    make("label", { class: "field" }, one.name, make("input", {
      name: `${one.in}:${one.name}`, autocomplete: "off", ...(one.required ? { required: "" } : {}),
    })));
  const shown = make("div", { "aria-live": "polite" });
  const send = async (event) => {
    event.preventDefault();
    const body = area && area.value.trim() ? area.value : null;
    const request = requestOf(verb, path, parameters, form, body);
    shown.replaceChildren(make("h4", {}, "Request"), make("pre", {}, curlOf(request)));
    const answer = await answerOf(request).catch((error) => `No answer: ${error.message}`);
    shown.append(make("h4", {}, "Answer"), make("pre", {}, answer));
  };
  const form = make("form", { onsubmit: send }, ...fields, area, make("button", {}, "Send"), shown);
  return folded("Try it", form);
}

function drawOperation(verb, path, operation) {
  const schema = operation.requestBody ? jsonOf(operation.requestBody.content) : null;
  const rows = schema ? fieldRows(schema) : [];
  return make(
    "section", { id: operation.operationId },
    make("h3", {}, operation.summary),
    make("div", { class: "path" }, make("span", { class: `verb ${verb}` }, verb), path),
    prose("p", operation.description),
    parameterTable(operation.parameters || []),
    rows.length ? make("div", {}, make("h4", {}, "Body"), make("table", {}, ...rows)) : null,
    responseList(operation.responses),
    tryForm(verb, path, operation),
  );
}

function operationsByTag() {
  const groups = new Map();
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const verb of Object.keys(operations).filter((one) => VERBS.includes(one))) {
      const tag = (operations[verb].tags || ["Other"])[0];
      groups.set(tag, [...(groups.get(tag) || []), [verb, path, operations[verb]]]);
    }
  }
  return groups;
}

function draw() {
  page.replaceChildren(...api.info.description.split("\n\n").map((text) => prose("p", text)));
  for (const [tag, operations] of operationsByTag()) {
    contents.append(make("h2", {}, tag));
    for (const [verb, path, operation] of operations) {
      contents.append(
        make("a", { href: `#${operation.operationId}` }, make("span", { class: `verb ${verb}` }, verb), operation.summary));
      page.append(drawOperation(verb, path, operation));
    }
  }
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

keyField.value = sessionStorage.getItem(KEY) || "";
keyField.addEventListener("change", () => sessionStorage.setItem(KEY, keyField.value.trim()));
try {
  api = await (await fetch("/api-reference/openapi.json")).json();
  draw();
} catch (error) {
  page.replaceChildren(make("p", {}, `The OpenAPI document could not be read: ${error.message}`));
}
