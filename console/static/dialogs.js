// Opens the dialog when its contents have come, and closes it when its form was answered.
"use strict";

(() => {
  const dialog = document.getElementById("dialog"), notice = document.getElementById("notice");
  const SETTLING = 600; // milliseconds; the second click of a double click comes before
  let opener = null, held = [], settling = null;
  // The dialog that is wanted, by number: answers for another one come too late. And the form that is on its way.
  let turn = 0, sending = null;

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.matches("[aria-haspopup=dialog]")) opener = button.id;
    if (button?.matches("[data-close]")) dialog.close();
  });

  document.addEventListener("htmx:after:swap", ({detail: {ctx}}) => {
    if (!dialog.childElementCount) return;
    if (dialog.contains(ctx.target)) hold();
    if (!dialog.open) dialog.showModal();
    else if (!dialog.contains(document.activeElement)) focusOn(dialog.querySelector(".refused, [data-close]"));
  });

  // The form that had the focus was drawn anew: what was said against it is read, and Tab goes on from there.
  function focusOn(part) {
    if (!part) return;
    if (!part.matches("button")) part.tabIndex = -1;
    part.focus();
  }

  // --- only what a person has seen, and meant ------------------------------------------------------------------------
  // Contents that have just come are not acted on: a click may have been meant for what was under the pointer before.
  function hold() {
    release();
    held = [...dialog.querySelectorAll("button[type=submit]:not(:disabled)")];
    for (const button of held) button.disabled = true;
    settling = setTimeout(release, SETTLING);
  }

  function release() {
    clearTimeout(settling);
    for (const button of held) button.disabled = false;
    held = [];
  }

  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Tab") release(); // looks for a button
    // Enter in a field would press the button that acts.
    if (event.key === "Enter" && event.target.matches("input")) event.preventDefault();
  });

  // Closing does not take back what was sent, and its answer has to be read.
  // Chromium asks `cancel` once, and the button that was pressed has no focus any more: the key comes to the page.
  dialog.addEventListener("cancel", (event) => { if (sending) event.preventDefault(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && sending) event.preventDefault();
  }, {capture: true});

  function setClosers(isDisabled) {
    for (const button of dialog.querySelectorAll("[data-close]")) button.disabled = isDisabled;
  }

  document.addEventListener("htmx:before:request", ({detail: {ctx}}) => {
    if (ctx.target !== dialog) return;
    if (!dialog.contains(ctx.sourceElement)) turn += 1;
    ctx.turn = turn;
    if (!ctx.sourceElement.matches("form")) return;
    sending = ctx;
    setClosers(true);
  });

  document.addEventListener("htmx:after:request", (event) => {
    const {ctx} = event.detail;
    if (ctx.target === dialog && ctx.turn !== turn) event.preventDefault();
  });

  document.addEventListener("htmx:finally:request", ({detail: {ctx}}) => {
    if (ctx !== sending) return;
    sending = null;
    setClosers(false);
  });

  document.addEventListener("htmx:error", ({detail: {ctx}}) => {
    if (!ctx || ctx.target !== dialog) return;
    if (ctx === sending) return tellLost(ctx.sourceElement);
    if (ctx.turn === turn) tellSilent();
  });

  function makeTold(text) {
    const told = document.createElement("p");
    told.className = "refused";
    told.setAttribute("role", "alert");
    told.textContent = text;
    return told;
  }

  // Beside the button that was pressed: on a small screen, the top of the form is out of sight.
  function tellLost(form) {
    const told = makeTold("No answer came from the console. It may have been sent and recorded. " +
      "The same button sends it again, and it counts once.");
    form.querySelector(".refused")?.remove();
    form.querySelector(".buttons").before(told);
    focusOn(told);
  }

  // A button that opens a dialog was pressed, and its contents did not come.
  function tellSilent() {
    const title = document.createElement("h2"), buttons = document.createElement("p"), close = document.createElement("button");
    title.id = "dialog-title";
    title.textContent = "The console does not answer";
    buttons.className = "buttons";
    Object.assign(close, {type: "button", textContent: "Close"});
    close.dataset.close = "";
    buttons.append(close);
    dialog.replaceChildren(title, makeTold("Nothing was sent. Look whether drs-waves console still runs on this machine, " +
      "then press the button again. Without the console, each button is a command: see the runbook."), buttons);
    if (!dialog.open) dialog.showModal();
  }

  // The button may have been drawn anew meanwhile.
  dialog.addEventListener("close", () => {
    turn += 1;
    release();
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
