"use strict";
const rows = JSON.parse(document.getElementById("points").textContent);
const chart = document.getElementById("chart");
const LEFT = 70, RIGHT = 24, TOP = 24, BOTTOM = 44, HEIGHT = 520;
let WIDTH = 1000; // on a narrow screen less, so that letters keep their size

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// Round numbers with equal steps that span a range.
function ticks(low, high, most = 5) {
  const rough = Math.max(high - low, 1e-9) / most;
  const scale = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * scale).find((one) => one >= rough * 0.999);
  const first = Math.floor(low / step), last = Math.max(Math.ceil(high / step), first + 1);
  return Array.from({ length: last - first + 1 }, (_, place) => (first + place) * step);
}

const dominated = (one, axis) => rows.some((other) => other.accuracy !== null && other[axis] !== null
  && other[axis] <= one[axis] && other.accuracy >= one.accuracy
  && (other[axis] < one[axis] || other.accuracy > one.accuracy));

// Where a name hides the least of other names and of what else is taken, near to its point first; boxes are left, top,
// right and bottom. As in report_front.py.
const NAME = 16;
const overlap = (a, b) => Math.max(Math.min(a[2], b[2]) - Math.max(a[0], b[0]), 0) * Math.max(Math.min(a[3], b[3]) - Math.max(a[1], b[1]), 0);
const hidden = (box, boxes) => boxes.reduce((sum, other) => sum + overlap(box, other), 0);
const nearest = (x, y, [left, top, right, bottom]) => [Math.min(Math.max(x, left), right), Math.min(Math.max(y, top), bottom)];

function spot(x, y, width, names, taken) {
  let best, least = Infinity;
  for (let step = 0; step < HEIGHT / NAME; step += 1) for (const sign of [-1, 1]) {
    const top = y + sign * (11 + step * NAME) - NAME / 2;
    if (top < TOP || top > HEIGHT - BOTTOM - NAME) continue;
    for (let away = 11; away < 300; away += 32) for (const side of [x + away, x - away - width]) {
      const left = Math.min(Math.max(side, 4), Math.max(WIDTH - 4 - width, 4));
      const box = [left, top, left + width, top + NAME], [near, level] = nearest(x, y, box);
      const cost = 1e6 * hidden(box, names) + hidden(box, taken) + 6 * Math.abs(near - x) + 3 * Math.abs(level - y);
      if (cost < least) [best, least] = [box, cost];
    }
  }
  return best;
}

function draw(axis) {
  const shown = rows.filter((row) => row.accuracy !== null && row[axis] !== null);
  WIDTH = Math.min(Math.max(Math.round(chart.parentNode.clientWidth), 300), 1000);
  chart.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  chart.replaceChildren();
  if (!shown.length) return;
  const xs = ticks(0, Math.max(...shown.map((row) => row[axis])), WIDTH < 600 ? 3 : 5);
  const ys = ticks(Math.min(...shown.map((row) => row.low)) * 100, Math.max(...shown.map((row) => row.high)) * 100);
  const x = (value) => LEFT + (WIDTH - LEFT - RIGHT) * value / xs.at(-1);
  const y = (share) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (share * 100 - ys[0]) / (ys.at(-1) - ys[0]);
  for (const tick of xs) {
    chart.append(element("path", { class: "grid", d: `M${x(tick)},${TOP} V${HEIGHT - BOTTOM}` }));
    const place = tick === xs.at(-1) ? { x: WIDTH - 4, "text-anchor": "end" } : { x: x(tick), "text-anchor": "middle" };
    chart.append(element("text", { class: "tick", y: HEIGHT - 18, ...place },
      tick.toLocaleString("en", { maximumSignificantDigits: 4 })));
  }
  for (const tick of ys) {
    chart.append(element("path", { class: "grid", d: `M${LEFT},${y(tick / 100)} H${WIDTH - RIGHT}` }));
    chart.append(element("text", { class: "tick", x: LEFT - 10, y: y(tick / 100) + 4, "text-anchor": "end" },
      `${Number(tick.toPrecision(6))} %`));
  }
  const front = shown.filter((row) => !dominated(row, axis)).sort((a, b) => a[axis] - b[axis]);
  const steps = front.map((row, place) => `${place ? "H" : "M"}${x(row[axis])}${place ? " V" : ","}${y(row.accuracy)}`);
  chart.append(element("path", { class: "step", d: `${steps.join(" ")} H${WIDTH - RIGHT}` }));
  const level = Object.fromEntries(front.map((row, place) => [row.strategy, x(front[place + 1]?.[axis] ?? xs.at(-1))]));
  const names = [];
  for (const row of [...shown].sort((a, b) => b.accuracy - a.accuracy || b[axis] - a[axis])) {
    const mark = element("g", { class: front.includes(row) ? "mark best" : "mark", "data-name": row.strategy });
    const at = x(row[axis]), high = y(row.accuracy);
    mark.append(element("path", { class: "bar", d: `M${at - 4},${y(row.low)} h8 M${at},${y(row.low)} V${y(row.high)} M${at - 4},${y(row.high)} h8` }));
    const point = element("circle", { cx: at, cy: high, r: 6, tabindex: 0 });
    point.append(element("title", {}, row.about));
    const name = element("text", {}, row.strategy);
    mark.append(name);
    chart.append(mark);
    const taken = shown.flatMap((one) => {
      const across = x(one[axis]), up = y(one.accuracy), far = one === row ? 7 : 16;
      return [[across - 4, y(one.high), across + 4, y(one.low)], [across - far, up - far, across + far, up + far],
        ...(one.strategy in level ? [[across, up - 2, level[one.strategy], up + 2]] : [])];
    });
    const box = spot(at, high, name.getComputedTextLength(), names, taken);
    const [near, line] = nearest(at, high, box);
    if (Math.hypot(near - at, line - high) > 16) mark.prepend(element("path", { class: "bar", d: `M${at},${high} L${near},${line}` }));
    mark.append(point);
    names.push(box);
    name.setAttribute("x", box[0]);
    name.setAttribute("y", box[1] + NAME - 4);
    for (const kind of ["pointerenter", "focusin"]) mark.addEventListener(kind, () => light(row.strategy));
    for (const kind of ["pointerleave", "focusout"]) mark.addEventListener(kind, () => light(null));
  }
}

function light(name) {
  chart.classList.toggle("lit", name !== null);
  for (const one of document.querySelectorAll("[data-name]")) one.classList.toggle("lit", one.dataset.name === name);
}

for (const line of document.querySelectorAll("tr[data-name]")) {
  line.addEventListener("pointerenter", () => light(line.dataset.name));
  line.addEventListener("pointerleave", () => light(null));
}

const axes = [...document.querySelectorAll(".axes button")];
for (const button of axes) {
  button.addEventListener("click", () => {
    axes.forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
    draw(button.dataset.axis);
  });
}

// A click on a title sorts by it, another one the other way round.
const text = (row, place) => row.cells[place].textContent;
const number = (row, place) => parseFloat(text(row, place).replace(/[≈, ]/g, ""));
const order = (place) => (a, b) => number(a, place) - number(b, place) || text(a, place).localeCompare(text(b, place), "en");
for (const head of document.querySelectorAll("thead th[data-sort]")) {
  head.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") !== "descending";
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = head.closest("table").tBodies[0];
    const lines = [...body.rows].sort(order(head.cellIndex));
    body.append(...(down ? lines.reverse() : lines));
  });
}

const chosen = () => axes.find((one) => one.getAttribute("aria-pressed") === "true")?.dataset.axis ?? "tokens";
addEventListener("resize", () => draw(chosen()));
draw(chosen());
