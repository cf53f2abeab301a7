// The setup page's steps. Talks to its own server and to nothing else; keeps no value but one that is being shown.

import { clearResult, guide, showResult } from "./result.js";

const STEPS = ["platform", "environment", "variables", "options", "result"];
const KINDS = { functions: "Functions and edge", containers: "Containers and apps", ci: "CI", servers: "Your own servers" };

const at = (id) => document.getElementById(id);
let state;
let step = "platform";
let reached = 0;
const choice = { platform: null, environment: null, only: new Set(), blob: "variable", replace: false };

/** An element with attributes and children; text is always text. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** Asks the server. Throws what it refuses, with the server's own words. */
export async function ask(what, body = {}) {
  let answer;
  try {
    answer = await fetch(`api/${what}`, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    });
  } catch {
    over("capy deploy no longer runs in the terminal. This page has forgotten the values; run the command again to continue.");
    throw new Ended();
  }
  if (answer.status === 200) return answer.json();
  if (answer.status === 409) throw await answer.json();
  throw { error: `capy deploy answered ${answer.status}`, hint: null };
}
export class Ended extends Error {}

/** Tells a screen reader. */
export function say(text) {
  at("said").textContent = text;
}

/** What went wrong, and what to do. */
export function notice(kind, error, hint) {
  return make("div", { class: `notice ${kind}` }, make("p", {}, error), hint ? make("p", {}, hint) : null);
}

export function bytes(count) {
  return count < 1024 ? `${count} bytes` : `${Number((count / 1024).toFixed(1)).toLocaleString("en")} KB`;
}

function platform() {
  return state.platforms.find((one) => one.id === choice.platform);
}

// ---- steps -------------------------------------------------------------------------------------------------------

function skips(name) {
  return name === "environment" && platform() && platform().environments.length === 0 && !platform().own_environments;
}

function go(name) {
  step = name;
  reached = Math.max(reached, STEPS.indexOf(name));
  for (const other of [...STEPS, "over"]) at(other).hidden = other !== name;
  for (const button of at("trail").querySelectorAll("button")) {
    const index = STEPS.indexOf(button.dataset.step);
    const current = button.dataset.step === name;
    if (current) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
    button.toggleAttribute("data-done", index < STEPS.indexOf(name));
    button.toggleAttribute("data-skipped", Boolean(skips(button.dataset.step)));
    button.disabled = name === "result" || name === "over" || index > reached || skips(button.dataset.step) || current;
  }
  at("steps").hidden = name === "over";
  if (name === "environment") showEnvironments();
  if (name === "variables") showNames();
  if (name === "options") showOptions();
  const title = at(`${name}-title`);
  document.title = `${title.textContent || "Deploy"} · Capy`;
  window.scrollTo(0, 0);
  if (name === "platform") at("search").focus();
  else title.focus();
}

function move(by) {
  let index = STEPS.indexOf(step) + by;
  while (skips(STEPS[index])) index += by;
  go(STEPS[index]);
}

/** The steps stay, the values go. */
function over(text) {
  const steps = guide("What is left to do");
  clearResult();
  at("over-lead").textContent = text;
  at("over-guide").replaceChildren(...(steps ? [steps] : []));
  go("over");
}

// ---- platform ----------------------------------------------------------------------------------------------------

/** The deployments of this run, whose values can still be shown. */
function showDeployments() {
  const made = state.deployments.filter((one) => !one.revoked);
  at("made").replaceChildren(...(made.length ? [make("h2", {}, "Made just now"), ...made.map((one) => make("p", { class: "row" },
    make("span", { class: "grow" }, `${one.platform}${one.environment ? ` · ${one.environment}` : ""}`),
    make("code", {}, one.short_id),
    make("button", { type: "button", class: "small", "aria-label": `Show ${one.platform} ${one.short_id}`, click: () => show(one) }, "Show")))] : []));
}

function show(deployment) {
  showResult(deployment);
  go("result");
}

function showPlatforms() {
  const words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (one) => [one.id, one.name, KINDS[one.kind], ...one.search].join(" ").toLowerCase();
  const found = state.platforms.filter((one) => words.every((word) => text(one).includes(word)));
  const groups = [["Found in this repository", found.filter((one) => one.marker)]];
  for (const [kind, title] of Object.entries(KINDS)) groups.push([title, found.filter((one) => !one.marker && one.kind === kind)]);
  at("platforms").replaceChildren(...groups.filter(([, list]) => list.length).map(([title, list]) =>
    make("fieldset", {}, make("legend", {}, title), make("div", { class: "grid" }, ...list.map(platformCard)))));
  if (!found.length) at("platforms").append(notice("warn", "No platform has this name.", "“Another platform” works with any that has environment variables."));
  at("matches").textContent = words.length ? `${found.length} platforms` : "";
  at("platform-next").disabled = !choice.platform;
}

function platformCard(one) {
  return make("label", { class: "card" },
    make("input", { type: "radio", name: "platform", value: one.id, checked: one.id === choice.platform, change: () => choosePlatform(one.id) }),
    make("span", {}, make("b", {}, one.name),
      one.marker ? make("small", { class: "marker" }, `found ${one.marker}`)
        : make("small", {}, one.pattern === "build" ? "inlined into the build" : "opened at the start")));
}

function choosePlatform(id) {
  if (choice.platform !== id) {
    choice.platform = id;
    choice.environment = platform().environments[0] ?? null;
    choice.blob = state.choice.blob;
    choice.replace = false;
    reached = 0;
  }
  at("platform-next").disabled = false;
}

at("search").addEventListener("input", showPlatforms);
at("search").addEventListener("keydown", (event) => {
  const first = at("platforms").querySelector("input");
  if (event.key === "ArrowDown" && first) {
    event.preventDefault();
    (at("platforms").querySelector("input:checked") ?? first).focus();
  }
  if (event.key === "Enter" && first) {
    const only = at("platforms").querySelector("input:checked") ?? first;
    only.checked = true;
    choosePlatform(only.value);
    move(1);
  }
});
at("platforms").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && choice.platform) { event.preventDefault(); move(1); }
});
at("platforms").addEventListener("submit", (event) => event.preventDefault());
at("platform-next").addEventListener("click", () => move(1));

// ---- environment -------------------------------------------------------------------------------------------------

function showEnvironments() {
  const { environments, own_environments: own } = platform();
  const cards = environments.map((name) => environmentCard(name, name));
  if (own) cards.unshift(...(environments.length ? [] : [environmentCard(null, "No environment")]));
  at("environments").replaceChildren(...cards, ...(own ? [ownEnvironment(environments)] : []));
}

function environmentCard(value, title) {
  return make("label", { class: "card" },
    make("input", { type: "radio", name: "environment", value: value ?? "", checked: value === choice.environment, change: () => { choice.environment = value; const own = at("own-environment"); if (own) own.value = ""; } }),
    make("span", {}, make("b", {}, title)));
}

/** One that the person made on the platform. */
function ownEnvironment(known) {
  const named = choice.environment !== null && !known.includes(choice.environment);
  const radio = make("input", { type: "radio", name: "environment", value: "", checked: named, "aria-label": "Another environment", change: () => field.focus() });
  const field = make("input", { type: "text", id: "own-environment", autocomplete: "off", spellcheck: "false", value: named ? choice.environment : "", "aria-label": "Name of another environment", placeholder: "Another, by its name there",
    input: () => { radio.checked = true; choice.environment = field.value.trim() || (known[0] ?? null); } });
  return make("label", { class: "card" }, radio, field);
}

// ---- variables ---------------------------------------------------------------------------------------------------

function showNames() {
  at("names").replaceChildren(...state.variables.map((one) =>
    make("label", { class: "name" },
      make("input", { type: "checkbox", value: one.name, checked: choice.only.has(one.name), change: (event) => pick(one.name, event.target.checked) }),
      make("code", {}, one.name),
      one.public ? make("span", { class: "tag", title: "frameworks publish variables with this prefix" }, "public") : null,
      make("small", {}, bytes(one.bytes)))));
  checkSize();
}

function pick(name, wanted) {
  if (wanted) choice.only.add(name);
  else choice.only.delete(name);
  checkSize();
}

function pickAll(wanted) {
  choice.only = new Set(wanted ? state.variables.map((one) => one.name) : []);
  showNames();
}

function body() {
  const all = choice.only.size === state.variables.length;
  return {
    platform: choice.platform, environment: choice.environment, only: all ? null : [...choice.only],
    label: at("label").value || null, credential: at("credential").value, format: at("format").value, blob: choice.blob, replace: choice.replace,
    expires: at("expires").value || null, max_uses: at("uses").value ? Number(at("uses").value) : null,
  };
}

let asked = 0;
async function checkSize() {
  at("chosen").textContent = `${choice.only.size} of ${state.variables.length} chosen`;
  at("as-split").checked = choice.blob === "split";
  at("as-file").checked = choice.blob === "file";
  at("variables-next").disabled = true;
  if (!choice.only.size) {
    at("size").replaceChildren("Choose at least one.");
    return;
  }
  const mine = ++asked;
  try {
    const answer = await ask("size", body());
    if (mine !== asked) return;
    showSize(answer);
    at("variables-next").disabled = Boolean(answer.problem);
  } catch (refusal) {
    if (mine === asked && !(refusal instanceof Ended)) at("size").replaceChildren(notice("bad", refusal.error, refusal.hint));
  }
}

function showSize({ sizes, used, limit, single, problem, warning, alternatives }) {
  const known = platform().limits;
  const parts = [];
  if (limit) {
    const about = `${bytes(used)} of the ${bytes(limit)} that ${platform().name} takes ${single ? "in one variable" : "in all"}${known.count ? `, of at most ${known.count}` : ""}`;
    parts.push(make("span", {}, about), make("meter", { min: 0, max: limit, low: limit * 0.7, high: limit * 0.95, optimum: 0, value: Math.min(used, limit), "aria-label": about }));
  } else {
    parts.push(make("span", {}, `${bytes(Math.max(...sizes.map((size) => size.bytes)))} sealed`));
  }
  const replaces = problem?.code === "BLOB_FILE_IN_USE";
  const offered = alternatives.split && alternatives.file ? "tick one of the boxes below" : alternatives.split || alternatives.file ? "tick the box below" : null;
  if (replaces) parts.push(notice("warn", problem.error, "Everything that you deploy with this file from now on needs the new variables."));
  else if (problem?.code === "DEPLOYMENT_TOO_LARGE") parts.push(tooLarge(problem.error, `Choose fewer variables${offered ? `, or ${offered}` : ""}.`));
  else if (problem) parts.push(notice("bad", problem.error, problem.hint));
  else if (warning) parts.push(notice("warn", warning, `Choose fewer${offered ? `, or ${offered},` : ""} if you use those.`));
  at("size").replaceChildren(...parts);
  const offer = (Boolean(problem || warning) && !replaces) || choice.blob !== "variable";
  at("as-split-row").hidden = !(offer && alternatives.split) && choice.blob !== "split";
  at("as-file-row").hidden = !(offer && alternatives.file) && choice.blob !== "file";
  at("replace-row").hidden = !replaces && !choice.replace;
  at("replace").checked = choice.replace;
}

/** With a link in the place of the address. */
function tooLarge(error, hint) {
  const [text, source] = error.split("; see ");
  const box = notice("bad", `${text}.`, hint);
  if (source) box.append(make("p", {}, make("a", { href: source, target: "_blank", rel: "noopener noreferrer" }, `The limits of ${platform().name}`)));
  return box;
}

at("all").addEventListener("click", () => pickAll(true));
at("none").addEventListener("click", () => pickAll(false));
for (const [id, blob] of [["as-split", "split"], ["as-file", "file"]]) {
  at(id).addEventListener("change", (event) => { choice.blob = event.target.checked ? blob : "variable"; choice.replace = false; checkSize(); });
}
at("replace").addEventListener("change", (event) => { choice.replace = event.target.checked; checkSize(); });
at("variables-next").addEventListener("click", () => move(1));

// ---- options -----------------------------------------------------------------------------------------------------

function showOptions() {
  at("label").placeholder = choice.environment ?? "";
  const all = choice.only.size === state.variables.length;
  const rows = [
    ["Platform", platform().name], ["Environment", choice.environment],
    ["Variables", all ? `all ${choice.only.size}` : [...choice.only].sort().join(", ")],
    ["What happens", platform().explanation], ["Key service", state.service],
    ["Only from", state.cidr.join(", ")],
  ];
  at("summary").replaceChildren(...rows.filter(([, value]) => value).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  at("mint-problem").replaceChildren();
}

async function mint() {
  const button = at("mint");
  button.disabled = true;
  button.textContent = "Creating…";
  at("mint-problem").replaceChildren();
  try {
    const deployment = await ask("mint", body());
    state.deployments.push(deployment);
    show(deployment);
  } catch (refusal) {
    if (!(refusal instanceof Ended)) at("mint-problem").replaceChildren(notice("bad", refusal.error, refusal.hint));
  } finally {
    button.disabled = false;
    button.textContent = "Create deployment";
  }
}
at("option-fields").addEventListener("submit", (event) => { event.preventDefault(); mint(); });

// ---- the rest ----------------------------------------------------------------------------------------------------

at("again").addEventListener("click", () => {
  clearResult();
  choice.platform = null;
  choice.blob = state.choice.blob;
  choice.replace = false;
  reached = 0;
  at("search").value = "";
  showPlatforms();
  showDeployments();
  go("platform");
});
at("end").addEventListener("click", async () => {
  await ask("end").catch(() => {});
  over("It has forgotten the values. You can close the tab.");
});
for (const button of document.querySelectorAll("[data-back]")) button.addEventListener("click", () => move(-1));
for (const button of document.querySelectorAll("[data-next]")) button.addEventListener("click", () => move(1));
for (const button of at("trail").querySelectorAll("button")) button.addEventListener("click", () => go(button.dataset.step));
for (const form of document.querySelectorAll("#environments, #names")) form.addEventListener("submit", (event) => event.preventDefault());
// A page that is brought back from the browser's memory could show what was revealed.
window.addEventListener("pagehide", clearResult);
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

async function begin() {
  state = await ask("state");
  const given = state.choice;
  at("where").textContent = state.project;
  at("env-file").textContent = state.env_file;
  at("file-name").textContent = state.blob_file;
  at("label").value = given.label ?? "";
  at("credential").value = given.credential;
  at("format").value = given.format;
  at("uses").value = given.max_uses ?? "";
  if (given.expires) {
    at("expires").append(make("option", { value: given.expires }, `In ${given.expires}`));
    at("expires").value = given.expires;
  }
  choice.blob = given.blob;
  choice.only = new Set(given.only ?? state.variables.map((one) => one.name));
  const found = state.platforms.filter((one) => one.marker);
  const usual = given.platform ?? (found.length === 1 ? found[0].id : null);
  if (usual) {
    choosePlatform(usual);
    choice.environment = given.environment ?? choice.environment;
  }
  showPlatforms();
  showDeployments();
  const last = state.deployments.filter((one) => !one.revoked).at(-1);
  if (last) show(last);
  else go("platform");
}
begin().catch((refusal) => {
  if (!(refusal instanceof Ended)) at("main").replaceChildren(notice("bad", refusal.error ?? String(refusal), refusal.hint));
});
