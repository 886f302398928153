"use strict";
function number(text) {
  const parts = text.replace(/\u2212/g, "-").replace(/[\s%]/g, "").split("/").map(Number);
  return text === "\u2013" || !text ? NaN : parts.length === 2 ? parts[0] / parts[1] : parts[0];
}
function compare(a, b) {
  const x = number(a), y = number(b);
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return a.localeCompare(b, "en", {numeric: true});
}
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement, body = head.closest("table").tBodies[0];
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const text = row => row.cells[head.cellIndex].textContent;
    const missing = row => text(row) === "\u2013" || text(row) === "";
    const rows = Array.from(body.rows).sort((a, b) =>
      missing(a) - missing(b) || (ascending ? 1 : -1) * compare(text(a), text(b)));
    body.append(...rows);
  });
}

// A short table is read faster than it is searched.
const longTable = 8;
for (const table of document.querySelectorAll("table")) {
  const rows = Array.from(table.tBodies[0].rows);
  if (rows.length < longTable) continue;
  const field = document.createElement("input"), count = document.createElement("output");
  field.type = "search";
  field.placeholder = "Filter rows";
  field.setAttribute("aria-label", `Filter rows: ${table.caption.textContent}`);
  const texts = rows.map(row => Array.from(row.cells, cell => cell.textContent).join(" ").toLowerCase());
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    rows.forEach((row, place) => { row.hidden = !words.every(word => texts[place].includes(word)); });
    const left = rows.filter(row => !row.hidden).length;
    count.textContent = left < rows.length ? `${left} of ${rows.length} rows` : "";
  });
  const line = document.createElement("div");
  line.className = "filter";
  line.append(field, count);
  table.closest(".scroll").before(line);
}

const tip = document.createElement("div"), pointed = document.createElement("div");
tip.className = "tip";
tip.setAttribute("role", "status");
pointed.className = "pointed";
tip.hidden = pointed.hidden = true;
let stood = null; // where the matrix stood when a cell of it was pointed at
document.body.append(tip, pointed);

function hideTip() { tip.hidden = pointed.hidden = true; }
function shown(value, unit) {
  return value === null ? "undefined" : String(value).replace("-", "\u2212") + (unit && `\u00a0${unit}`);
}
function describe(matrix, row, column) {
  const name = document.createElement("b");
  name.textContent = matrix.rows[row] + matrix.between + matrix.columns[column];
  const [value, low, high] = ["value", "low", "high"].map(key => matrix[key][row][column]);
  const interval = low === null || high === null ? "" : ` (${shown(low, "")} to ${shown(high, matrix.unit)})`;
  tip.replaceChildren(name, `${matrix.label}: ${shown(value, matrix.unit)}${interval}`);
}
function pointAt(event, places) {
  for (const [matrix, area] of places) {
    const box = area.getBoundingClientRect();
    const width = box.width / matrix.columns.length, height = box.height / matrix.rows.length;
    const column = Math.floor((event.clientX - box.left) / width);
    const row = Math.floor((event.clientY - box.top) / height);
    if (column < 0 || row < 0 || column >= matrix.columns.length || row >= matrix.rows.length) continue;
    if (matrix.rows[row] === matrix.columns[column]) break;
    describe(matrix, row, column);
    stood = {area, left: box.left, top: box.top};
    tip.hidden = pointed.hidden = false;
    const left = box.left + column * width, top = box.top + row * height;
    Object.assign(pointed.style, {left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px`});
    const above = top - tip.offsetHeight - 8;
    tip.style.left = `${Math.max(4, Math.min(left, innerWidth - tip.offsetWidth - 4))}px`;
    tip.style.top = `${above > 0 ? above : top + height + 8}px`;
    return;
  }
  hideTip();
}
for (const matrices of Object.values(JSON.parse(document.getElementById("cells").textContent))) {
  if (!matrices.length) continue;
  const places = matrices.map(matrix => [matrix, document.getElementById(matrix.id)]).filter(place => place[1]);
  if (!places.length) continue;
  const svg = places[0][1].ownerSVGElement;
  for (const name of ["pointermove", "pointerdown"]) svg.addEventListener(name, event => pointAt(event, places));
  svg.addEventListener("pointerleave", hideTip);
}
// An event may tell of a scrolling that was over before the cell was pointed at.
addEventListener("scroll", () => {
  if (tip.hidden) return;
  const box = stood.area.getBoundingClientRect();
  if (box.left !== stood.left || box.top !== stood.top) hideTip();
}, {passive: true, capture: true});
