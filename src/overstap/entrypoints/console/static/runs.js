// The runs page: what is selected, moments in the reader's zone, menus that close, columns that are remembered.
"use strict";

(() => {
  const one = (selector) => document.querySelector(selector);
  const boxes = () => [...document.querySelectorAll("input[data-run]")];
  const chosen = () => boxes().filter((box) => box.checked).map((box) => box.value);
  let everything = false;

  // A page and the next of the same runs remember alike, so that what is shown anew is selected as it was.
  const memory = () => {
    const query = new URLSearchParams(location.search);
    query.delete("cursor");
    return `overstap-selected ${query}`;
  };
  const remembered = () => {
    try { return new Set(JSON.parse(sessionStorage.getItem(memory()) || "[]")); } catch { return new Set(); }
  };

  const tell = () => {
    const bar = one("#selection");
    if (!bar) return;
    const all = boxes(), ids = chosen(), whole = one("#select-page");
    const complete = all.length > 0 && ids.length === all.length;
    if (!complete) everything = false;
    whole.checked = complete;
    whole.indeterminate = ids.length > 0 && !complete;
    bar.classList.toggle("some", ids.length > 0);
    bar.classList.toggle("everything", everything);
    all.forEach((box) => box.closest("tr").classList.toggle("selected", box.checked));
    const here = one("#selected-here"), number = ids.length.toLocaleString(document.documentElement.lang);
    here.textContent = ids.length === 1 ? here.dataset.one : here.dataset.many.replace("#", number);
    here.hidden = everything;
    one("#selected-all").hidden = !everything;
    const offer = one("#select-all");
    if (offer) offer.hidden = everything || !complete;
    const replay = one("#replay");
    if (replay) replay.href = everything
      ? replay.dataset.all
      : "/console/replays/new?" + new URLSearchParams(ids.map((id) => ["run", id]));
    sessionStorage.setItem(memory(), JSON.stringify(ids));
    if (window.did_handshake) emitEvent("runs_selected", ids);
  };

  let last = null;
  const range = (box) => {
    const all = boxes(), from = all.indexOf(last), to = all.indexOf(box);
    if (from < 0) return;
    for (const between of all.slice(Math.min(from, to), Math.max(from, to) + 1)) between.checked = box.checked;
  };

  document.addEventListener("click", (event) => {
    const box = event.target.closest("input[data-run]");
    if (box) {
      if (event.shiftKey && last) range(box);
      last = box;
      tell();
    } else if (event.target.closest("#select-all")) {
      everything = true;
      tell();
      one("#select-none").focus();
    } else if (event.target.closest("#select-none")) {
      everything = false;
      boxes().forEach((each) => { each.checked = false; });
      tell();
      one("#select-page").focus();
    }
    for (const menu of document.querySelectorAll("details.pick[open]"))
      if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "select-page") {
      boxes().forEach((box) => { box.checked = event.target.checked; });
      tell();
    }
    if (event.target.dataset.moment) {
      const moment = new Date(event.target.value);
      event.target.nextElementSibling.value = isNaN(moment) ? "" : moment.toISOString();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details.pick[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-columns]")) return;
    const names = new FormData(event.target).getAll("columns");
    document.cookie = `overstap_columns=${["run", ...names].join(".")}; path=/console; max-age=31536000; samesite=lax`;
  });

  // `datetime-local` takes a moment of the reader's zone, without the zone.
  const local = (text) => {
    const moment = new Date(text);
    if (!text || isNaN(moment)) return "";
    return new Date(moment - moment.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  };
  const begin = (table) => {
    const were = remembered();
    boxes().forEach((box) => { box.checked = were.has(box.value); });
    table.dataset.runs = "begun";
    tell();
  };
  new MutationObserver(() => {
    const table = one('table[data-runs=""]');
    if (table && (one("#selection") || !one("#select-page"))) begin(table);
    for (const field of document.querySelectorAll('input[data-moment]:not([data-begun])')) {
      field.dataset.begun = "";
      field.value = local(field.nextElementSibling.value);
    }
  }).observe(document.documentElement, { childList: true, subtree: true });

  // What is selected before the socket is there, and after it was cut off, is told when it is there.
  let shaken = false;
  setInterval(() => {
    const now = window.did_handshake === true;
    if (now && !shaken && one("#selection")) emitEvent("runs_selected", chosen());
    shaken = now;
  }, 200);
})();
