// The last step: what the platform is to hold, where it goes, and whether it has arrived.

import { Ended, ask, bytes, make, notice, say } from "./page.js";

const at = (id) => document.getElementById(id);
const POLL = 2000;
let made = null;
let poll = null;

/** Shows a deployment that was made in this run. */
export function showResult(deployment) {
  made = deployment;
  at("result-title").textContent = `${made.platform}${made.environment ? ` · ${made.environment}` : ""}`;
  at("result-lead").textContent = `Deployment ${made.short_id}: ${made.explanation}.`;
  at("result-body").replaceChildren(...[values(), guide(), pushing(), last()].filter(Boolean));
  live("", "Waiting for its first use");
  look();
}

/** Forgets everything about it. */
export function clearResult() {
  made = null;
  clearTimeout(poll);
  at("result-body").replaceChildren();
}

// ---- values ------------------------------------------------------------------------------------------------------

function values() {
  const cards = made.variables.map(card);
  const file = made.blob_file ? notice("good", `The sealed blob is in ${made.blob_file}.`, "Deploy it with the code. Without the key nobody can open it.") : null;
  const warning = made.warning ? notice("warn", made.warning) : null;
  const presets = made.preset_notes.map((note) => notice("warn", `Of what is inside, ${note}.`));
  return make("div", {}, make("h2", {}, "Set these variables"), ...cards, file, warning, ...presets,
    make("div", { class: "actions" }, make("span", {}, copyButton("Copy as lines", () => secret("lines", "lines")), " ",
      copyButton("Copy as JSON", () => secret("lines", "json")))));
}

function card(variable) {
  const shown = make("pre", { class: "secret", hidden: true, tabindex: "0", "aria-label": `value of ${variable.name}` });
  const size = made.limit ? `${bytes(variable.bytes)} of ${bytes(made.limit)}` : bytes(variable.bytes);
  const reveal = make("button", { type: "button", class: "small", "aria-expanded": "false", "aria-label": `Reveal ${variable.name}`, click: () => toggle(reveal, shown, variable.name) }, "Reveal");
  return make("div", { class: "value" },
    make("div", { class: "row" }, make("span", { class: "grow mono" }, variable.name), make("small", {}, size), reveal,
      copyButton("Copy", () => secret("reveal", variable.name), `Copy ${variable.name}`)),
    shown);
}

async function toggle(button, shown, name) {
  const hide = !shown.hidden;
  const value = hide ? "" : await secret("reveal", name).catch(complain(button));
  if (value === undefined) return;
  shown.textContent = value;
  shown.hidden = hide;
  button.textContent = hide ? "Reveal" : "Hide";
  button.setAttribute("aria-expanded", String(!hide));
  button.setAttribute("aria-label", `${hide ? "Reveal" : "Hide"} ${name}`);
}

async function secret(what, name) {
  return (await ask(what, { deploy_id: made.deploy_id, name })).value;
}

function copyButton(text, value, label = text) {
  const button = make("button", { type: "button", class: "small", "aria-label": label, click: async () => {
    // The same words again are only read out when they were gone between.
    say("");
    try {
      await navigator.clipboard.writeText(await value());
    } catch (error) {
      return complain(button)(error);
    }
    button.textContent = "Copied";
    say(`${label}: done`);
    setTimeout(() => { button.textContent = text; }, 1600);
  } }, text);
  return button;
}

/** Beside the button: the clipboard may be forbidden, or the page may have ended. */
function complain(button) {
  return (error) => {
    if (error instanceof Ended) return;
    const text = error.error ?? "The browser did not let this page copy: reveal the value and copy it by hand.";
    button.closest(".value, .actions, .block")?.after(notice("bad", text, error.hint));
    say(text);
  };
}

// ---- what to do --------------------------------------------------------------------------------------------------

/** The steps, which hold no value; none where there is nothing to be done. */
export function guide(title = "Then") {
  if (!made || made.revoked) return null;
  const { steps, place, command, cli, cli_note: note } = made.guide;
  const box = make("div", {}, make("h2", {}, title), make("ol", { class: "steps" }, ...steps.map((step) => make("li", {}, step))),
    make("h3", {}, place), block(command));
  if (cli.length || note) box.append(make("h3", {}, "Or on the command line"));
  if (note) box.append(make("p", { class: "note" }, `${note}.`));
  if (cli.length) box.append(block(cli.join("\n")));
  if (made.docs) box.append(make("p", {}, make("a", { href: made.docs, target: "_blank", rel: "noopener noreferrer" }, `Documentation of ${made.platform}`)));
  return box;
}

function block(text) {
  // A line breaks between words, and not behind the hyphen of an option.
  const words = text.split(/(\s+)/).map((word) => /\S/.test(word) ? make("span", {}, word) : word);
  return make("div", { class: "block" }, make("pre", { tabindex: "0" }, ...words), copyButton("Copy", async () => text));
}

function pushing() {
  const push = made.push;
  if (!push) return made.no_push ? make("p", { class: "note" }, `Nothing here can set them for you: ${made.no_push}.`) : null;
  if (!push.installed) {
    return make("p", { class: "lead" }, make("code", {}, "capy deploy --push"), ` lets ${push.program} set them, once it is installed on this machine.`);
  }
  const project = push.project ? make("input", { type: "text", id: "push-project", autocomplete: "off" }) : null;
  const said = make("div", { id: "push-said", role: "status" });
  const button = make("button", { type: "button", id: "push", click: () => run(button, said, project) }, "Run them now");
  return make("div", {}, make("h2", {}, `Or let ${push.program} set them`),
    make("p", { class: "lead" }, "capy runs them in the folder where you started capy deploy, and passes no value as an argument."),
    make("pre", { class: "secret" }, push.commands.join("\n")),
    push.note ? make("p", {}, make("small", {}, push.note)) : null,
    project ? make("label", { class: "field" }, make("span", {}, `Project (${push.project})`), project) : null,
    make("div", { class: "actions" }, button), said);
}

async function run(button, said, project) {
  button.disabled = true;
  button.textContent = "Running…";
  try {
    const report = await ask("push", { deploy_id: made.deploy_id, project: project?.value || null });
    const parts = [];
    if (report.stored.length) parts.push(notice("good", `Set, and verified: ${report.stored.join(", ")}`));
    if (report.listed.length) parts.push(notice("warn", `Set, but the platform does not show whether the value is whole: ${report.listed.join(", ")}`, "The first build or start that opens them shows it here; capy deploy --check --held FILE checks what the platform gives out."));
    if (report.altered.length) parts.push(notice("bad", `Set, but the platform stored a different value: ${report.altered.join(", ")}`, report.program_message));
    if (report.missing.length) parts.push(notice("warn", `Set, but the platform does not list: ${report.missing.join(", ")}`, report.program_message));
    if (report.unknown.length) parts.push(notice("warn", `Unknown whether set: ${report.unknown.join(", ")}`, report.program_message));
    if (report.left_over.length) parts.push(notice("bad", `Left over from another deployment, and nothing opens with both: ${report.left_over.join(", ")}`, "Remove them:"), block(report.removals.join("\n")));
    if (report.failed.length) parts.push(notice("bad", `Not set: ${report.failed.join(", ")}`, report.program_message));
    said.replaceChildren(...parts);
  } catch (refusal) {
    if (!(refusal instanceof Ended)) said.replaceChildren(notice("bad", refusal.error, refusal.hint));
  }
  button.disabled = false;
  button.textContent = "Run them again";
}

function last() {
  const button = make("button", { type: "button", class: "small danger", click: async () => {
    if (button.dataset.sure === undefined) {
      button.dataset.sure = "";
      button.textContent = "Revoke it for good?";
      return;
    }
    try {
      await ask("revoke", { deploy_id: made.deploy_id });
      look();
    } catch (refusal) {
      complain(button)(refusal);
    }
  } }, "Revoke this deployment");
  return make("div", {}, make("h2", {}, "Later"),
    make("div", { class: "actions" }, make("span", {}, "To revoke it: ", make("code", {}, `capy deploy revoke ${made.short_id}`)), button));
}

// ---- the live line -----------------------------------------------------------------------------------------------

function live(kind, text) {
  at("live").className = `live ${kind}`;
  if (at("live-text").textContent !== text) at("live-text").textContent = text;
}

/** Nothing can be done with it any more. */
function showRevoked() {
  made.revoked = true;
  live("lost", "Revoked: the service releases no key for it");
  at("result-body").replaceChildren(make("p", { class: "note" }, "Its variables open nothing any more: remove them where you set them."));
}

async function look() {
  clearTimeout(poll);
  const mine = made;
  if (!mine) return;
  try {
    const status = await ask("status", { deploy_id: mine.deploy_id });
    if (made !== mine) return;
    if (status.revoked) return showRevoked();
    if (status.uses > 0) live("used", `It works: opened ${status.uses === 1 ? "once" : `${status.uses} times`}${status.max_uses ? ` of ${status.max_uses}` : ""}, last at ${new Date(status.last_used_at).toLocaleTimeString()}`);
    else live("", "Waiting for its first use");
  } catch (refusal) {
    if (refusal instanceof Ended || made !== mine) return;
    live("", `Cannot reach the key service right now: ${refusal.error}`);
  }
  poll = setTimeout(look, POLL);
}
