// Counts up how long ago something was read: an element with data-seconds, which the server gives anew with each read.
"use strict";

(() => {
  const seen = new WeakMap();

  function show() {
    for (const element of document.querySelectorAll("[data-seconds]")) {
      const given = element.dataset.seconds, page = document.getElementById("live").dataset.version;
      let known = seen.get(element);
      if (!known || known.given !== given || known.page !== page) {
        known = {given, page, at: performance.now()};
        seen.set(element, known);
      }
      const text = `${Math.round(Number(given) + (performance.now() - known.at) / 1000)} s`;
      if (element.textContent !== text) element.textContent = text;
    }
  }

  setInterval(show, 1000);
  show();
})();
