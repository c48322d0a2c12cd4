// The table of servers: asks for the rows that are in view, and for others as one scrolls, searches, filters or sorts.
"use strict";

(() => {
  const LEAST = 60, MOST = 200, MARGIN = 20, PRINTED = 500;
  const TYPING = 60, READING = 700, FAILED = 3000; // milliseconds
  const box = document.getElementById("servers");
  if (!box) return;
  const table = box.querySelector("table"), head = box.querySelector("thead"), body = document.getElementById("servers-rows");
  const form = document.getElementById("servers-filter"), search = document.getElementById("servers-search");
  const total = document.getElementById("servers-total"), csv = document.getElementById("servers-csv");
  const path = box.dataset.path;
  let asking = null, again = null, typing = null, frame = null, height = 0, shown = null;

  const number = (name) => Number(body.dataset[name]);

  function query() {
    const fields = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value.trim()) fields.set(name, value.trim());
    const sorted = head.querySelector("[aria-sort$=ending]");
    if (sorted) fields.set("sort", sorted.querySelector("button").dataset.sort);
    if (sorted?.getAttribute("aria-sort") === "descending") fields.set("direction", "descending");
    return fields;
  }

  // --- rows ----------------------------------------------------------------------------------------------------------
  function measure() {
    height = body.rows[0]?.getBoundingClientRect().height || height || 40;
  }

  // Rows that are not there have their room above and below.
  function place() {
    const offset = number("offset"), below = number("matches") - offset - body.rows.length;
    body.style.paddingTop = `${offset * height}px`;
    body.style.paddingBottom = `${Math.max(below, 0) * height}px`;
  }

  function visible() {
    const first = Math.floor(box.scrollTop / height);
    return {first, last: first + Math.ceil((box.clientHeight - head.offsetHeight) / height)};
  }

  function wanted() {
    const {first, last} = visible();
    const offset = Math.max(first - MARGIN, 0);
    return {offset, limit: Math.min(Math.max(last - offset + MARGIN, LEAST), MOST)};
  }

  function isMissing() {
    const {first, last} = visible(), offset = number("offset"), end = offset + body.rows.length;
    return (first < offset && offset > 0) || (Math.min(last, number("matches")) > end);
  }

  function adopt(text) {
    const parsed = document.createElement("template");
    parsed.innerHTML = text;
    const next = parsed.content.getElementById("servers-rows");
    if (!next) return;
    if (text !== shown) {
      const focused = body.contains(document.activeElement) ? document.activeElement.id : null;
      body.replaceChildren(...next.children);
      Object.assign(body.dataset, next.dataset);
      shown = text;
      if (focused) (document.getElementById(focused) ?? box).focus({preventScroll: true});
      table.setAttribute("aria-rowcount", String(number("matches") + 1));
      if (total.textContent !== body.dataset.words) total.textContent = body.dataset.words;
      offer(JSON.parse(body.dataset.values));
    }
    measure();
    place();
  }

  async function load(part = wanted()) {
    asking?.abort();
    clearTimeout(again);
    const own = asking = new AbortController();
    const fields = query();
    fields.set("offset", part.offset);
    fields.set("limit", part.limit);
    let pause = null;
    try {
      const answer = await fetch(`${path}/rows?${fields}`, {headers: {"HX-Request": "true"}, signal: own.signal});
      if (!answer.ok) throw new Error(String(answer.status));
      adopt(await answer.text());
      if (body.dataset.state === "reading") pause = READING;
      if (isMissing()) pause = 0;
    } catch (error) {
      if (own.signal.aborted) return;
      pause = FAILED; // the page says by itself that the console does not answer
    }
    if (asking === own) asking = null;
    if (pause !== null) again = setTimeout(load, pause);
  }

  function scrolled() {
    frame ??= requestAnimationFrame(() => {
      frame = null;
      if (isMissing()) load();
    });
  }

  // --- what is asked for ---------------------------------------------------------------------------------------------
  // The values of the filters with their numbers; what is chosen stays, also when no server has it.
  function offer(values) {
    for (const [name, counts] of Object.entries(values)) {
      const select = form.elements[name], chosen = select.value;
      if (chosen && !(chosen in counts)) counts[chosen] = 0;
      const options = Object.entries(counts).map(([value, count]) => [value, `${value} (${count.toLocaleString("en")})`]);
      const isSame = options.length === select.options.length - 1
        && options.every(([value, text], at) => select.options[at + 1].value === value && select.options[at + 1].text === text);
      if (isSame || document.activeElement === select) continue;
      select.replaceChildren(select.options[0], ...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
    }
  }

  function changed() {
    clearTimeout(typing);
    const fields = query().toString();
    history.replaceState(null, "", fields ? `${path}?${fields}` : path);
    csv.href = fields ? `${path}.csv?${fields}` : `${path}.csv`;
    box.scrollTop = 0;
    load({offset: 0, limit: wanted().limit});
  }

  form.addEventListener("submit", (event) => { event.preventDefault(); changed(); });
  form.addEventListener("change", (event) => { if (event.target !== search) changed(); });
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(changed, TYPING);
  });
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !search.value) return;
    event.preventDefault();
    search.value = "";
    changed();
  });
  document.getElementById("servers-clear").addEventListener("click", () => {
    for (const field of form.elements) {
      if (field.type === "checkbox") field.checked = false;
      else if (field.name) field.value = "";
    }
    changed();
  });
  head.addEventListener("click", (event) => {
    const cell = event.target.closest("button")?.closest("th");
    if (!cell) return;
    const direction = cell.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const each of head.querySelectorAll("th")) each.setAttribute("aria-sort", "none");
    cell.setAttribute("aria-sort", direction);
    changed();
  });

  // --- when rows are read anew ---------------------------------------------------------------------------------------
  box.addEventListener("scroll", scrolled, {passive: true});
  document.addEventListener("console:changed", () => load());
  document.addEventListener("console:refresh", () => load());
  window.addEventListener("pageshow", (event) => { if (event.persisted) load(); });
  new ResizeObserver(() => {
    const before = height, first = box.scrollTop / height;
    measure();
    place();
    if (before && height !== before) box.scrollTop = first * height; // the same rows, at another height
    scrolled();
  }).observe(box);

  // Printers get the first rows; nothing can be awaited here.
  window.addEventListener("beforeprint", () => {
    const fields = query(), request = new XMLHttpRequest();
    fields.set("offset", 0);
    fields.set("limit", PRINTED);
    request.open("GET", `${path}/rows?${fields}`, false);
    request.setRequestHeader("HX-Request", "true");
    try {
      request.send();
    } catch {
      return;
    }
    if (request.status === 200) adopt(request.responseText);
  });
  window.addEventListener("afterprint", () => load());

  measure();
  place();
  if (body.dataset.state === "reading") again = setTimeout(load, READING);
  else scrolled();
})();
