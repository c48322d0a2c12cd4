// Opens the dialog when its contents have come, and closes it when its form was answered.
"use strict";

(() => {
  const dialog = document.getElementById("dialog"), notice = document.getElementById("notice");
  let opener = null;

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.matches("[aria-haspopup=dialog]")) opener = button.id;
    if (button?.matches("[data-close]")) dialog.close();
  });

  document.addEventListener("htmx:after:swap", () => {
    if (!dialog.childElementCount) return;
    if (!dialog.open) dialog.showModal();
    else if (!dialog.contains(document.activeElement)) focusOn(dialog.querySelector(".refused, [data-close]"));
  });

  // The form that had the focus was drawn anew: what was said against it is read, and Tab goes on from there.
  function focusOn(part) {
    if (!part) return;
    if (!part.matches("button")) part.tabIndex = -1;
    part.focus();
  }

  // The button may have been drawn anew meanwhile.
  dialog.addEventListener("close", () => {
    dialog.replaceChildren();
    if (opener) document.getElementById(opener)?.focus();
  });

  // The header HX-Trigger of an answer: {"notice": {"text": "…"}}
  document.addEventListener("notice", (event) => {
    dialog.close();
    notice.textContent = event.detail.text;
    notice.hidden = false;
    document.dispatchEvent(new CustomEvent("console:refresh"));
    setTimeout(() => { notice.hidden = true; }, 15000);
  });
})();
