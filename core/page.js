"use strict";
const graph = document.getElementById("graph") || document.createElement("div");
const panel = document.getElementById("panel");
const field = document.querySelector(".field");
const content = panel.querySelector(".content");
const nodes = [...graph.querySelectorAll(".node")];
const links = [...graph.querySelectorAll(".link")];
const articles = [...document.querySelectorAll("article.thought")];
let chosen = -1;

// Numbers are places in the transcript; -1 is no thought.
function light(number) {
  const near = new Set();
  for (const link of links) {
    const ends = [Number(link.dataset.source), Number(link.dataset.target)];
    const on = ends.includes(number);
    link.classList.toggle("on", on);
    if (on) ends.forEach((end) => near.add(end));
  }
  for (const node of nodes) {
    const own = Number(node.dataset.number);
    node.classList.toggle("near", near.has(own) || own === number);
    node.classList.toggle("chosen", own === chosen);
  }
  graph.classList.toggle("lit", number >= 0);
}

function nodeOf(number) {
  return nodes.find((node) => Number(node.dataset.number) === number);
}

// Bring a card into sight in the graph's own window, and keep the panel off it.
function uncover(node) {
  const card = node.getBoundingClientRect();
  const view = field.getBoundingClientRect();
  field.scrollBy(
    Math.min(card.left - view.left - 20, 0) || Math.max(card.right - view.right + 20, 0),
    Math.min(card.top - view.top - 70, 0) || Math.max(card.bottom - view.bottom + 20, 0),
  );
  const moved = node.getBoundingClientRect();
  panel.classList.toggle("left", moved.left + moved.width / 2 > window.innerWidth / 2);
  const sheet = panel.getBoundingClientRect();
  const seen = moved.bottom > 0 && moved.top < window.innerHeight;
  if (seen && sheet.width >= window.innerWidth && moved.bottom > sheet.top) window.scrollBy(0, moved.bottom - sheet.top + 16);
}

function show(number, focus) {
  const article = articles[number];
  if (!article) return;
  chosen = number;
  content.className = article.className + " content";
  content.replaceChildren(...article.cloneNode(true).childNodes);
  panel.hidden = false;
  panel.scrollTop = 0;
  light(number);
  const node = nodeOf(number);
  if (node) uncover(node);
  if (focus) content.focus({ preventScroll: true });
  // A notebook's frame has no address of its own.
  if (location.protocol !== "about:") history.replaceState(null, "", "#" + encodeURIComponent(article.id));
}

function close() {
  const node = nodeOf(chosen);
  chosen = -1;
  panel.hidden = true;
  light(-1);
  if (node) node.focus({ preventScroll: true });
  if (location.protocol !== "about:") history.replaceState(null, "", location.pathname + location.search);
}

function follow(hash) {
  let id = hash.slice(1);
  try {
    id = decodeURIComponent(id);
  } catch {
    // An id may hold a percent sign that encodes nothing.
  }
  const number = articles.findIndex((article) => article.id === id);
  if (number >= 0) show(number, true);
  return number >= 0;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  if (link && follow("#" + encodeURIComponent(link.getAttribute("href").slice(1)))) event.preventDefault();
  const button = event.target.closest("button");
  if (!button) return;
  if ("close" in button.dataset) close();
  if (button.dataset.step) show(chosen + Number(button.dataset.step), false);
  if (button.dataset.kind) {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(shown));
    links.forEach((one) => one.classList.contains(button.dataset.kind) && one.classList.toggle("off", !shown));
  }
});

document.addEventListener("keydown", (event) => {
  if (panel.hidden || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Escape") close();
  if (event.key === "ArrowRight") show(chosen + 1, false);
  if (event.key === "ArrowLeft") show(chosen - 1, false);
});

for (const node of nodes) {
  const number = Number(node.dataset.number);
  node.addEventListener("pointerenter", () => light(number));
  node.addEventListener("pointerleave", () => light(chosen));
  node.addEventListener("focus", () => light(number));
  node.addEventListener("blur", () => light(chosen));
}

window.addEventListener("hashchange", () => follow(location.hash));
// The browser goes to the transcript by itself; the graph is what the address is about.
window.addEventListener("load", () => {
  if (!follow(location.hash)) return;
  nodeOf(chosen).scrollIntoView({ block: "start" });
  window.scrollBy(0, -120);
  uncover(nodeOf(chosen));
});
