// Keys of the pages: g and a letter goes to a page, / searches, ? shows the keys. The dialog of the keys names them and
// turns them off, because people who dictate, or whose hand trembles, press single keys without wanting to.
"use strict";

(() => {
  const GO_SECONDS = 1.5, STORED = "drs-waves-console-keys";
  const keys = document.getElementById("keys"), button = document.getElementById("keys-button");
  const isOn = document.getElementById("keys-on");
  const search = "input[type=search], [data-search]";
  let goneAt = -Infinity;

  try { isOn.checked = localStorage.getItem(STORED) !== "off"; } catch { /* a browser that stores nothing */ }

  isOn.addEventListener("change", () => {
    try { localStorage.setItem(STORED, isOn.checked ? "on" : "off"); } catch { /* it holds for this page */ }
  });
  button.addEventListener("click", open);
  keys.addEventListener("close", () => button.focus());

  function open() {
    if (!keys.open) keys.showModal();
  }

  function isTyping(element) {
    return element.isContentEditable || element.matches("input:not([type=checkbox], [type=radio]), select, textarea");
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (!isOn.checked || document.querySelector("dialog[open]") || isTyping(event.target)) return;
    const isGoing = performance.now() - goneAt < GO_SECONDS * 1000;
    goneAt = event.key === "g" ? performance.now() : -Infinity;
    if (event.key === "?") open();
    else if (event.key === "/") document.querySelector(search)?.focus();
    else if (isGoing && /^[a-z]$/.test(event.key)) {
      const page = keys.querySelector(`[data-key="${event.key}"]`);
      if (!page) return;
      location.assign(page.dataset.target);
    } else return;
    event.preventDefault();
  });
})();
