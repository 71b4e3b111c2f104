"use strict";
// The data: what the suite knows of its clauses, and the runs as conformance.json has them.
const { clauses, runs } = JSON.parse(document.getElementById("data").textContent);
const MARKS = {
  "fail": ["✕", "failed"], "flaky-fail": ["≈", "failed with some seeds"], "broken": ["!", "could not be set up"],
  "unexpected-pass": ["↑", "passes, and should fail"], "inconclusive": ["?", "inconclusive"],
  "known-fail": ["k", "a known failure"], "pass": ["✓", "passed"], "skip": ["–", "skipped"], "untested": ["·", "untested"],
};
const VERDICTS = Object.keys(MARKS);
const state = { search: "", group: "", levels: new Set(), verdicts: new Set(), open: null };

// ── small helpers ───────────────────────────────────────────────────────────────────────────────

const $ = id => document.getElementById(id);

/** An element; children are elements or text, so nothing of the data is ever read as markup. */
function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "on") Object.entries(value).forEach(([event, act]) => element.addEventListener(event, act));
    else if (value !== undefined && value !== false) element.setAttribute(key, value);
  }
  element.append(...children.filter(child => child !== undefined && child !== ""));
  return element;
}

/** Text with `code` in it. */
const prose = text => text.split("`").map((part, index) => index % 2 ? el("code", {}, part) : part);

const columns = runs.flatMap((run, index) => Object.keys(run.header.flavours)
  .map((flavour, place) => ({ run, index, flavour, first: place === 0 })));

for (const run of runs) {
  run.verdicts = new Map(run.clauses.map(entry => [entry.clause, entry]));
  run.cases.forEach(entry => { entry.run = run; });
}

const verdictOf = (column, id) => column.run.verdicts.get(id)?.flavours[column.flavour];

// ── what is shown ───────────────────────────────────────────────────────────────────────────────

function isShown(clause) {
  const verdicts = columns.map(column => verdictOf(column, clause.id)).filter(Boolean);
  const text = `${clause.id} ${clause.rule}`.toLowerCase();
  return verdicts.length > 0
    && (!state.group || clause.group === state.group)
    && (!state.levels.size || state.levels.has(clause.level))
    && (!state.verdicts.size || verdicts.some(verdict => state.verdicts.has(verdict)))
    && state.search.toLowerCase().split(/\s+/).every(word => text.includes(word));
}

function drawTable() {
  const shown = clauses.filter(isShown);
  const table = $("table");
  table.replaceChildren(head(), body(shown));
  $("empty").hidden = shown.length > 0;
  table.hidden = shown.length === 0;
  $("count").textContent = `${shown.length} of ${clauses.length} clauses`;
}

function head() {
  const runtimes = el("tr", {}, el("th", { class: "clause", rowspan: 2, scope: "col" }, "Clause"));
  runs.forEach(run => runtimes.append(el("th", {
    class: "runtime", scope: "colgroup", colspan: Object.keys(run.header.flavours).length,
  }, run.header.runtime)));
  const flavours = el("tr", {}, ...columns.map(column => el("th", {
    scope: "col", class: column.first ? "first" : "",
  }, el("div", { class: "flavour" }, column.flavour))));
  return el("thead", {}, runtimes, flavours);
}

function body(shown) {
  const rows = el("tbody");
  let group = null;
  for (const clause of shown) {
    if (clause.group !== group) {
      group = clause.group;
      rows.append(groupRow(group, shown.filter(other => other.group === group)));
    }
    rows.append(row(clause));
  }
  return rows;
}

/** The group's name, and for each column how many of its clauses passed. */
function groupRow(group, members) {
  const sums = columns.map(column => {
    const judged = members.map(clause => verdictOf(column, clause.id))
      .filter(verdict => verdict && verdict !== "skip" && verdict !== "untested");
    const passed = judged.filter(verdict => verdict === "pass").length;
    return el("td", { class: column.first ? "first" : "" }, judged.length ? `${passed}/${judged.length}` : "");
  });
  return el("tr", { class: "group" }, el("th", { scope: "rowgroup" }, group), ...sums);
}

function row(clause) {
  const title = el("th", { class: "clause", scope: "row" },
    el("span", { class: "id" }, clause.id),
    el("span", { class: "badge" }, clause.level),
    el("span", { class: "badge tier" }, `${clause.sev}, tier ${clause.tier}`),
    el("span", { class: "rule" }, ...prose(clause.rule)));
  return el("tr", {}, title, ...columns.map(column => cell(clause, column)));
}

function cell(clause, column) {
  const verdict = verdictOf(column, clause.id);
  const place = el("td", { class: column.first ? "cell first" : "cell" });
  if (!verdict) return place;
  const [mark, words] = marked(column, clause.id, verdict);
  const key = keyOf(clause, column);
  place.append(el("button", {
    class: `mark v-${verdict}${mark.length > 1 ? " long" : ""}`, type: "button", title: words, "data-key": key,
    "aria-expanded": state.open === key,
    "aria-label": `${clause.id} on ${column.run.header.runtime} ${column.flavour}: ${words}`,
    on: { click: () => openDetail(key) },
  }, mark));
  return place;
}

/** The mark of a verdict and its words; of a flaky one, how many of its runs failed. */
function marked(column, id, verdict) {
  const [mark, words] = MARKS[verdict];
  if (verdict !== "flaky-fail") return [mark, words];
  const flaky = column.run.cases.find(entry =>
    entry.clause === id && entry.flavour === column.flavour && entry.verdict === verdict);
  return flaky ? [`${flaky.failed}/${flaky.attempts}`, `${flaky.failed} of ${flaky.attempts} runs failed`] : [mark, words];
}

// ── details ─────────────────────────────────────────────────────────────────────────────────────

const keyOf = (clause, column) => `${clause.id}/${column.run.header.runtime}/${column.flavour}`;

function openDetail(key) {
  const [id, runtime, flavour] = key.split("/");
  const clause = clauses.find(other => other.id === id);
  const run = runs.find(other => other.header.runtime === runtime);
  if (!clause || !run) return;
  state.open = key;
  history.replaceState(null, "", `#${key}`);
  const cases = run.cases.filter(entry => entry.clause === id && entry.flavour === flavour);
  $("detail").replaceChildren(
    el("button", { class: "close", type: "button", "aria-label": "Close", on: { click: closeDetail } }, "×"),
    el("h2", {}, id),
    el("p", { class: "where" }, `${runtime} ${flavour} · ${clause.level} · ${clause.sev}`),
    el("p", { class: "promise" }, ...prose(clause.rule)),
    ...cases.map(entry => caseDetail(entry, clause)));
  $("detail").hidden = false;
  document.body.classList.add("open");
  $("detail").scrollTop = 0;
  mark();
}

function closeDetail() {
  state.open = null;
  history.replaceState(null, "", location.pathname + location.search);
  $("detail").hidden = true;
  document.body.classList.remove("open");
  mark();
}

function mark() {
  document.querySelectorAll(".mark").forEach(button =>
    button.setAttribute("aria-expanded", button.dataset.key === state.open));
}

function caseDetail(entry, clause) {
  const list = el("dl");
  const line = (name, text) => { if (text) list.append(el("dt", {}, name), el("dd", {}, ...prose(text))); };
  const lines = (name, texts) => {
    if (texts.length) list.append(el("dt", {}, name), el("dd", {}, el("ul", {}, ...texts.map(text => el("li", {}, text)))));
  };
  const passed = entry.verdict === "pass";
  if (entry.expected !== clause.rule) line(passed ? "asked" : "expected", entry.expected);
  line(["skip", "untested"].includes(entry.verdict) ? "why" : "observed", entry.observed);
  lines("witness", (entry.witness ?? []).map(([name, met, needed]) => `${name}: ${met}, needed ${needed}`));
  lines("threads", entry.threads ? entry.threads.split(", ") : []);
  if (entry.attempts > 1) line("runs", `${entry.failed} of ${entry.attempts} failed`);
  if (!passed && entry.end && entry.end !== "ok") line("ended by", entry.end);
  line("evidence", entry.kind);
  if (entry.attempts) line("seed", entry.seed);
  if (entry.repro) {
    list.append(el("dt", {}, "repeat"), el("dd", {}, el("button", {
      class: "copy", type: "button", on: { click: event => copy(event.target, entry.repro) },
    }, "copy")), el("pre", {}, entry.repro));
  }
  const [, words] = MARKS[entry.verdict];
  return el("section", { class: "case" },
    el("h3", {}, el("span", { class: `tag v-${entry.verdict}` }, words), entry.part || entry.clause), list);
}

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "copied";
  } catch {
    button.textContent = "select and copy it below";
  }
}

// ── the head of the page ────────────────────────────────────────────────────────────────────────

function drawRuns() {
  const first = runs[0]?.header;
  $("suite").textContent = first ? `runtime-conformance ${first.suite}: ${first.detection}.` : "No runs.";
  $("runs").replaceChildren(...runs.map(runCard));
}

function runCard(run) {
  const worst = run.clauses.map(entry => entry.worst);
  const count = verdict => worst.filter(other => other === verdict).length;
  const failed = count("fail") + count("flaky-fail");
  const unclear = count("inconclusive") + count("broken") + count("unexpected-pass");
  const bar = el("div", { class: "bar", "aria-hidden": "true" });
  VERDICTS.filter(count).forEach(verdict => {
    const piece = el("i", { class: `v-${verdict}`, title: `${count(verdict)} ${MARKS[verdict][1]}` });
    piece.style.flexGrow = count(verdict);
    bar.append(piece);
  });
  const ratio = sums => sums.all[1] ? `${sums.all[0]} of ${sums.all[1]}` : "–";
  const clausesThat = (number, did) => `${number} ${number === 1 ? "clause" : "clauses"} ${did}`;
  const words = failed ? clausesThat(failed, "failed") : unclear ? clausesThat(unclear, "unclear") : "nothing failed";
  return el("article", { class: failed || unclear ? "run bad" : "run" },
    el("h2", {}, run.header.runtime, el("small", {}, run.header.version)),
    el("div", { class: "state" }, el("b", {}, words)), bar,
    el("dl", {}, ...pair("MUST", ratio(run.must)), ...pair("SHOULD", ratio(run.should)),
      ...pair("untested", String(run.untested.length), "minor"), ...pair("profile", profileOf(run))));
}

const pair = (name, text, minor) => [el("dt", { class: minor }, name), el("dd", { class: minor }, text)];

/** The best profile that is reached, and by how many flavours if not by all. */
function profileOf(run) {
  const order = ["none", "core", "core+time", "net", "full-unix", "sim"];
  const all = Object.values(run.profiles).map(profile => profile.split(" except ")[0]);
  const best = order.filter(profile => all.includes(profile)).pop() ?? "none";
  const by = all.filter(profile => profile === best).length;
  return by < all.length ? `${best} (${by} of ${all.length})` : best;
}

function drawFilters() {
  const groups = [...new Set(clauses.map(clause => clause.group))];
  $("group").append(el("option", { value: "" }, "All groups"), ...groups.map(group => el("option", { value: group }, group)));
  $("group").addEventListener("change", event => { state.group = event.target.value; drawTable(); });
  $("search").addEventListener("input", event => { state.search = event.target.value.trim(); drawTable(); });
  const chip = (set, value, ...children) => el("button", {
    class: "chip", type: "button", "aria-pressed": "false",
    on: { click: event => {
      const pressed = !set.has(value);
      if (pressed) set.add(value); else set.delete(value);
      event.currentTarget.setAttribute("aria-pressed", pressed);
      drawTable();
    } },
  }, ...children);
  $("levels").append(...["MUST", "SHOULD"].map(level => chip(state.levels, level, level)));
  // A chip counts what it leaves in the table, and what the cards count: clauses.
  const met = clauses.flatMap(clause => [...new Set(columns.map(column => verdictOf(column, clause.id)))]);
  const present = VERDICTS.filter(verdict => met.includes(verdict));
  $("verdicts").append(...present.map(verdict => chip(state.verdicts, verdict,
    el("span", { class: `dot v-${verdict}` }, MARKS[verdict][0]), verdict,
    el("span", {}, String(met.filter(other => other === verdict).length)))));
}

function drawFoot() {
  const pairs = object => Object.entries(object).map(([name, text]) =>
    el("tr", {}, el("td", {}, name), el("td", {}, text)));
  $("foot").replaceChildren("A red mark is always right; a green one of a stochastic case can be luck. Click a mark for what was "
    + "expected, what was seen, and the line that repeats it.",
    ...runs.map(run => el("details", {}, el("summary", {}, `${run.header.runtime}: declared and decided`),
      el("table", {}, ...Object.entries(run.header.flavours).map(([name, caps]) =>
        el("tr", {}, el("td", {}, name), el("td", {}, caps.join(" ")))),
        ...pairs(run.header.decisions), ...pairs(run.header.machine)))));
}

document.addEventListener("keydown", event => { if (event.key === "Escape" && state.open) closeDetail(); });
drawRuns();
drawFilters();
drawTable();
drawFoot();
if (location.hash.length > 1) {
  openDetail(decodeURIComponent(location.hash.slice(1)));
  document.querySelector(".mark[aria-expanded=true]")?.scrollIntoView({ block: "center" });
}
