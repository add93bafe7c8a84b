// A form that is sent as soon as something is chosen in it: until its answer is there nothing else can be done on the
// page, which is about what was chosen before; and what was chosen has the focus again afterwards.
"use strict";

(() => {
  const KEPT = "overstap-chosen";
  const PATIENCE = 5000;

  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-at-once]");
    if (!form) return;
    const { name, value } = event.target;
    sessionStorage.setItem(KEPT, JSON.stringify({ path: location.pathname, name, value }));
    form.closest(".page")?.setAttribute("inert", "");
  });
  addEventListener("pageshow", () => document.querySelector(".page[inert]")?.removeAttribute("inert"));

  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  sessionStorage.removeItem(KEPT);
  if (kept?.path !== location.pathname) return;
  const find = () =>
    [...document.getElementsByName(kept.name)].find((one) => one.type !== "radio" || one.value === kept.value);
  const watch = new MutationObserver(() => {
    const found = find();
    if (!found) return;
    watch.disconnect();
    found.focus();
  });
  watch.observe(document.documentElement, { childList: true, subtree: true });
  setTimeout(() => watch.disconnect(), PATIENCE);
})();
