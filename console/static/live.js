// Keeps the page up to date, and says how fresh it is. The server tells by server-sent events which version of the
// topic there is; a page that shows another one reads itself anew.
"use strict";

(() => {
  const HIDDEN_SECONDS = 10; // a page in the background gives its connection back: browsers have six for one address
  const LATE_INTERVALS = 3, LATE_SECONDS = 6;
  const BEHIND_SECONDS = 6; // a page that has not drawn the newest version for so long cannot be read
  const freshness = document.getElementById("freshness"), trouble = document.getElementById("trouble");
  const interval = Number(freshness.dataset.interval);
  const page = () => document.getElementById("live");
  let source = null, readAt = null, problem = "", lostAt = null, hidden = null, asked = null;
  let isStranger = false, again = null, hasHeard = false, newest = null, behind = null, drawn = null;

  if (!page().dataset.topic) return;
  if (page().dataset.age) readAt = moment(Number(page().dataset.age));
  problem = page().dataset.trouble || "";

  // A moment so many seconds ago. The clock of a page stands while the machine sleeps; that of the machine may be set.
  function moment(age = 0) {
    return {page: performance.now() - age * 1000, machine: Date.now() - age * 1000};
  }

  function since({page, machine}) {
    return Math.max(performance.now() - page, Date.now() - machine, 0) / 1000;
  }

  function open() {
    close();
    source = new EventSource(`/live?topic=${encodeURIComponent(page().dataset.topic)}`);
    source.addEventListener("state", (event) => {
      const state = JSON.parse(event.data);
      lostAt = null;
      isStranger = false;
      hasHeard = true;
      // Before its first read, the server knows no more than the page.
      if (state.age !== null) {
        problem = "";
        readAt = moment(state.age);
      }
      problem = state.trouble || problem;
      newest = state.version || newest;
      if (state.version && state.version !== page().dataset.version) refresh(state.version);
      show();
    });
    source.addEventListener("error", () => {
      lostAt ??= performance.now();
      if (source?.readyState === EventSource.CLOSED) askWhy(); // such as after a refusal
      show();
    });
  }

  // A console that was started anew does not know this browser: only its new address lets it in.
  async function askWhy() {
    again = setTimeout(open, 2000);
    try {
      isStranger = (await fetch("/static/icon.svg", {cache: "no-store"})).status === 403;
    } catch {
      isStranger = false;
    }
    show();
  }

  function close() {
    clearTimeout(again);
    source?.close();
    source = null;
  }

  // Asks once for each version, and again after a while if the answer got lost.
  function refresh(version) {
    if (asked && asked.version === version && performance.now() - asked.at < 5000) return;
    asked = {version, at: performance.now()};
    page().dispatchEvent(new CustomEvent("changed"));
    document.dispatchEvent(new CustomEvent("console:changed"));
  }

  function show() {
    const version = page().dataset.version;
    if (newest === null || newest === version) behind = null;
    else if (behind === null || drawn !== version) behind = moment(); // a run changes each second: late is not stuck
    drawn = version;
    const isBehind = behind !== null && since(behind) > BEHIND_SECONDS;
    const age = readAt === null ? null : since(isBehind ? behind : readAt);
    const isLate = age !== null && age > Math.max(LATE_INTERVALS * interval, LATE_SECONDS);
    let text = "Live";
    if (lostAt !== null) text = "Not connected";
    else if (problem || isLate || isBehind) text = "Not up to date";
    else if (!hasHeard) text = "Connecting";
    if (age !== null && text.startsWith("Not")) text += `: as of ${describe(age)} ago`;
    freshness.classList.toggle("bad", text !== "Live");
    if (freshness.textContent !== text) freshness.textContent = text;
    const told = lostAt !== null
      ? isStranger
        ? "The console was started anew. Open the address that it has printed; what you see is what was read last."
        : "The console does not answer. If its command has ended, start it again; what you see is what was read last."
      : problem ? `${problem} – what you see is what was read last.`
      : isBehind && "This page has changed, and could not be read anew. Reload it to see why.";
    trouble.hidden = !told;
    if (told && trouble.textContent !== told) trouble.textContent = told;
  }

  function describe(seconds) {
    if (seconds < 90) return `${Math.round(seconds)} s`;
    return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(hidden);
    if (document.hidden) hidden = setTimeout(close, HIDDEN_SECONDS * 1000);
    else if (!source) open();
  });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  document.addEventListener("console:refresh", () => page().dispatchEvent(new CustomEvent("changed")));
  setInterval(show, 1000);
  open();
})();
