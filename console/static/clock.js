// Shows the time by the deployment's clock, which runs faster in the sandbox.
"use strict";

(() => {
  const clock = document.getElementById("clock");
  const now = Number(clock.dataset.now), speed = Number(clock.dataset.speed), from = Date.now();

  function show() {
    const time = new Date((now + (Date.now() - from) / 1000 * speed) * 1000).toISOString();
    clock.dateTime = time;
    clock.textContent = time.slice(11, 19);
    const date = clock.parentElement.querySelector(".date");
    if (!date.textContent.startsWith(time.slice(0, 10))) date.textContent = `${time.slice(0, 10)} `;
  }

  setInterval(show, 1000);
})();
