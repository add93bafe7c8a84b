// The slider through a run's earlier states: says where it stands, and goes there when it rests.
"use strict";

(() => {
  const REST = 500; // milliseconds; by keyboard one goes on step by step
  const HERE = "overstap-slider";
  let waiting = 0;
  const slider = (event) => event.target.closest?.("[data-slider] input[type=range]");
  addEventListener("input", (event) => {
    const input = slider(event);
    if (input) input.form.querySelector("output").textContent = "#" + input.value;
  });
  addEventListener("change", (event) => {
    const input = slider(event);
    if (!input) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      sessionStorage.setItem(HERE, "1");
      input.form.requestSubmit();
    }, REST);
  });
  // Who moved it by keyboard goes on where they were.
  new MutationObserver((_, observer) => {
    const input = document.querySelector("[data-slider] input[type=range]");
    if (!input) return;
    observer.disconnect();
    if (sessionStorage.getItem(HERE)) input.focus();
    sessionStorage.removeItem(HERE);
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
