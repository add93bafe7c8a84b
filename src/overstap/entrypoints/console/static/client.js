// What pages do in the browser by themselves: write times in the reader's zone, renew spots, sign out.
"use strict";

const overstap = (() => {
  const html = document.documentElement;
  const words = () => (html.lang.startsWith("nl") ? "nl" : "en-GB");
  const clock = { at: Date.now(), here: Date.now(), speed: 1 };
  // The server tells the time of a rehearsal twice a second, for its speed changes: never run far ahead of that.
  const since = () => Math.min(Date.now() - clock.here, clock.speed > 1 ? 1000 : Infinity);
  const now = () => clock.at + since() * clock.speed;

  const cookie = (name) =>
    document.cookie.split("; ").find((one) => one.startsWith(name + "="))?.slice(name.length + 1) ?? "";
  const keep = (name, value) => {
    document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax`;
  };

  // The two largest units of a duration, such as "3 h 20 min".
  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const lasting = (milliseconds) => {
    let rest = Math.round(Math.abs(milliseconds) / 1000);
    const parts = [];
    for (const [unit, size] of UNITS) {
      const many = Math.floor(rest / size);
      rest -= many * size;
      if (many || (unit === "second" && !parts.length))
        parts.push(new Intl.NumberFormat(words(), { style: "unit", unit, unitDisplay: "short" }).format(many));
      if (parts.length === 2) break;
    }
    return parts.join(" ");
  };
  const exact = (moment) =>
    new Intl.DateTimeFormat(words(), { dateStyle: "full", timeStyle: "long" }).format(moment);

  const write = (element) => {
    const moment = new Date(element.dateTime);
    if (isNaN(moment)) return;
    const as = element.dataset.as;
    const dutch = words() === "nl";
    const away = moment - now();
    let text;
    if (as === "ago") text = dutch ? `${lasting(away)} geleden` : `${lasting(away)} ago`;
    else if (as === "age") text = lasting(away);
    else if (as === "left")
      text = away >= 0
        ? (dutch ? `nog ${lasting(away)}` : `${lasting(away)} left`)
        : (dutch ? `${lasting(away)} te laat` : `${lasting(away)} overdue`);
    else if (as === "clock") text = new Intl.DateTimeFormat(words(), { timeStyle: "medium" }).format(moment);
    else if (as === "second")
      text = new Intl.DateTimeFormat(words(), { dateStyle: "medium", timeStyle: "medium" }).format(moment);
    else text = new Intl.DateTimeFormat(words(), { dateStyle: "medium", timeStyle: "short" }).format(moment);
    if (element.textContent !== text) element.textContent = text;
    if (!element.title) element.title = exact(moment);
  };
  const writeAll = (within) => within.querySelectorAll("time[data-as]").forEach(write);

  const away = (is) => {
    const strip = document.getElementById("away");
    if (strip) strip.hidden = !is;
  };
  // What somebody points at or has the focus on stays as it is until they go on.
  const waiting = new Map();
  const inUse = (spot) =>
    spot.querySelector("a, button, summary") && (spot.matches(":hover") || spot.contains(document.activeElement));
  const put = (spot, content) => {
    if (inUse(spot)) return waiting.set(spot, content);
    waiting.delete(spot);
    spot.innerHTML = content;
    writeAll(spot);
  };
  const putWaiting = () => waiting.size && setTimeout(() => [...waiting].forEach(([spot, content]) => put(spot, content)));
  document.addEventListener("pointerout", putWaiting);
  document.addEventListener("focusout", putWaiting);
  const renew = (spots) => {
    for (const [name, content] of Object.entries(spots))
      document.querySelectorAll(`[data-live="${CSS.escape(name)}"]`).forEach((spot) => put(spot, content));
  };
  const ended = () => {
    const strip = document.getElementById("ended");
    if (!strip || !strip.hidden) return;
    const here = location.pathname + location.search;
    document.getElementById("again").href = `/sign-in?why=ended&to=${encodeURIComponent(here)}`;
    strip.hidden = false;
  };

  const acts = {
    language: (button) => {
      keep("overstap_language", button.dataset.value);
      location.reload();
    },
    theme: (button) => {
      const dark = document.body.classList.contains("body--dark");
      keep(button.dataset.themeCookie, dark ? "light" : "dark");
      location.reload();
    },
    "sign-out": async () => {
      const headers = { "X-CSRF-Token": cookie("overstap_csrf") };
      await fetch("/api/v1/sign-out", { method: "POST", headers }).catch(() => {});
      location.assign("/sign-in?why=out");
    },
    print: () => window.print(),
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (button && acts[button.dataset.act]) acts[button.dataset.act](button);
  });
  // A form that is sent as soon as something else is chosen in it.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-at-once]");
    if (form) form.requestSubmit();
  });
  // What a form leaves empty is left out of the address.
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "get") return;
    for (const field of event.target.elements) if (field.name && field.value === "") field.disabled = true;
  });
  addEventListener("pageshow", () => {
    for (const field of document.querySelectorAll("form[method=get] [name]:disabled")) field.disabled = false;
  });

  // On a phone the ways are in a row that scrolls: the one that leads here is in sight.
  addEventListener("load", () => {
    const way = document.querySelector(".bar nav [aria-current]"), row = way?.parentElement;
    if (row) row.scrollLeft = way.offsetLeft - row.offsetLeft - (row.clientWidth - way.offsetWidth) / 2;
  });
  // What NiceGUI shows when the connection is lost is told to those who cannot see it too.
  addEventListener("load", () => document.getElementById("popup")?.setAttribute("role", "status"));
  setInterval(() => writeAll(document), 1000);
  new MutationObserver((changes) => {
    for (const change of changes)
      for (const node of change.addedNodes)
        if (node.nodeType === 1) {
          if (node.matches("time[data-as]")) write(node);
          writeAll(node);
          const retry = node.matches("[data-retry]") ? node : node.querySelector("[data-retry]");
          if (retry) setTimeout(() => location.reload(), 1000 * Number(retry.dataset.retry));
        }
  }).observe(html, { childList: true, subtree: true });

  return {
    renew,
    away,
    ended,
    lasting,
    clock: (at, speed) => Object.assign(clock, { at, speed, here: Date.now() }),
  };
})();
