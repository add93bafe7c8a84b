// A form whose page shows what was asked for before: what is shown of that goes away as soon as the form asks for else.
"use strict";

document.addEventListener("input", (event) => {
  if (!event.target.closest("form[data-tells-changes]")) return;
  document.querySelectorAll(".asked-part").forEach((part) => part.classList.add("changed-above"));
  document.querySelectorAll(".changed").forEach((told) => (told.hidden = false));
});
