"use strict";
const graph = document.getElementById("graph");
const panel = document.getElementById("panel");
const content = panel.querySelector(".content");
const entities = [...graph.querySelectorAll(".entity")];
const facts = [...graph.querySelectorAll(".fact")];
const whole = graph.getAttribute("viewBox").split(" ").map(Number);
let view = [...whole];
let chosen = "";

function light(id) {
  const near = new Set(id ? [id] : []);
  for (const fact of facts) {
    const ends = [fact.dataset.head, fact.dataset.tail];
    const on = Boolean(id) && ends.includes(id);
    fact.classList.toggle("near", on);
    if (on) ends.forEach((end) => near.add(end));
  }
  for (const entity of entities) {
    entity.classList.toggle("near", near.has(entity.dataset.id));
    entity.classList.toggle("chosen", entity.dataset.id === chosen);
  }
  graph.classList.toggle("lit", Boolean(id));
}

function choose(id) {
  const article = document.getElementById("about-" + id);
  chosen = article ? id : "";
  panel.hidden = !article;
  if (article) content.replaceChildren(article.cloneNode(true));
  content.querySelectorAll("[id]").forEach((one) => one.removeAttribute("id"));
  light(chosen);
}

function show() {
  graph.setAttribute("viewBox", view.map((number) => number.toFixed(1)).join(" "));
}

// Pixels of the screen are not those of the drawing, which is fitted into its window.
function at(event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(graph.getScreenCTM().inverse());
  return [point.x, point.y];
}

graph.addEventListener(
  "wheel",
  (event) => {
    event.preventDefault();
    const [x, y] = at(event);
    const scale = Math.min(Math.max(Math.exp(event.deltaY / 600), (whole[2] * 0.08) / view[2]), (whole[2] * 2) / view[2]);
    view = [x - (x - view[0]) * scale, y - (y - view[1]) * scale, view[2] * scale, view[3] * scale];
    show();
  },
  { passive: false },
);

let held = null;
graph.addEventListener("pointerdown", (event) => {
  if (!event.target.closest(".entity")) held = at(event);
});
graph.addEventListener("pointermove", (event) => {
  if (!held) return;
  const [x, y] = at(event);
  view = [view[0] + held[0] - x, view[1] + held[1] - y, view[2], view[3]];
  show();
});
window.addEventListener("pointerup", () => (held = null));
graph.addEventListener("dblclick", () => {
  view = [...whole];
  show();
});

for (const entity of entities) {
  const id = entity.dataset.id;
  entity.addEventListener("pointerenter", () => light(id));
  entity.addEventListener("pointerleave", () => light(chosen));
  entity.addEventListener("click", () => choose(id));
  entity.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") choose(id);
  });
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("close" in button.dataset) choose("");
  if (button.dataset.relation) {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(shown));
    facts.forEach((fact) => fact.dataset.relation === button.dataset.relation && fact.classList.toggle("off", !shown));
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") choose("");
});

document.getElementById("search").addEventListener("input", (event) => {
  const words = event.target.value.trim().toLowerCase();
  const found = words && entities.filter((entity) => entity.textContent.toLowerCase().includes(words));
  light(chosen);
  if (!found) return;
  graph.classList.add("lit");
  entities.forEach((entity) => entity.classList.toggle("near", found.includes(entity)));
  if (found.length === 1) choose(found[0].dataset.id);
});
