// The gallery of models: filters, sorting and a plot for the table on the page. No library, and
// nothing is asked of any other machine. Without JavaScript the table stands as it is.

const COSTS = { weights: "weights", size: "file, kB", time: "one run, µs" };
const FIGURES = {
  mean_absolute_scaled_error: "scaled error (low is good)",
  word_error_rate: "word error rate (low is good)",
  r2_score: "R²",
  ndcg_10: "nDCG of 10",
  map_50: "mAP at IoU 0.5",
  mean_iou: "mean IoU",
};
const label = (key) => COSTS[key] ?? FIGURES[key] ?? key.replaceAll("_", " ");
const SAY = {
  weights: (v) => v.toLocaleString("en"),
  size: (v) => `${v.toLocaleString("en", { maximumSignificantDigits: 4 })} kB`,
  time: (v) => `${v.toLocaleString("en", { maximumSignificantDigits: 3 })} µs`,
  accuracy: (v) => `${(100 * v).toFixed(2)} %`,
};
const say = (key, value) => (SAY[key] ?? ((v) => v.toPrecision(4)))(value);

/** An element with attributes and children; SVG's where `svg` says so. */
function make(tag, attributes = {}, children = [], svg = false) {
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function select(label, options, chosen) {
  const choices = options.map(([value, text]) => make("option", value === chosen ? { value, selected: "" } : { value }, [text]));
  const control = make("select", {}, choices);
  return [control, make("label", {}, [label, control])];
}

function gallery(place, table, models) {
  const byName = new Map(models.map((model) => [model.name, model]));
  const rows = [...table.tBodies[0].rows].map((row) => ({ row, model: byName.get(row.cells[0].textContent.trim()) }));
  const figures = [...new Set(models.flatMap((model) => Object.keys(model.figures)))].sort();

  const search = make("input", { type: "search", placeholder: "digits, audio, lstm", autocomplete: "off" });
  const tasks = [...new Set(models.map((model) => model.task))].sort();
  const [task, taskLabel] = select("task", [["", "all"], ...tasks.map((name) => [name, name])], "");
  const weights = make("input", { type: "checkbox" });
  const files = make("input", { type: "checkbox" });
  const count = make("p", { class: "gallery-count", role: "status" });
  const [across, acrossLabel] = select("across", Object.entries(COSTS), "weights");
  const [up, upLabel] = select("up", [...figures, "size", "time"].map((key) => [key, label(key)]), "accuracy");
  const picture = make("div", { class: "gallery-plot" });
  const point = make("p", { class: "gallery-point", "aria-live": "polite" });
  const check = (box, text) => make("label", { class: "gallery-check" }, [box, text]);
  place.append(
    make("div", { class: "gallery-controls", role: "search" }, [
      make("label", {}, ["search", search]), taskLabel, check(weights, "with weights"), check(files, "with a measured file"),
    ]),
    count,
    make("div", { class: "gallery-controls" }, [acrossLabel, upLabel]),
    picture,
    point,
  );

  function shown() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return rows.filter(({ model }) =>
      words.every((word) => model.words.toLowerCase().includes(word)) &&
      (!task.value || model.task === task.value) &&
      (!weights.checked || model.pretrained) &&
      (!files.checked || Object.keys(model.files).length));
  }
  function update() {
    const visible = new Set(shown());
    for (const entry of rows) entry.row.hidden = !visible.has(entry);
    count.textContent = `${visible.size} of ${rows.length} models`;
    draw();
  }
  function draw() {
    point.textContent = "";
    const points = shown().flatMap(({ model }) => pointsOf(model, across.value, up.value));
    picture.replaceChildren(plot(points, across.value, up.value, picture.clientWidth || 600, (text) => { point.textContent = text; }));
  }
  for (const control of [search, task, weights, files]) control.addEventListener("input", update);
  for (const control of [across, up]) control.addEventListener("input", draw);
  new ResizeObserver(draw).observe(picture);
  sortable(table, rows);
  update();
}

/** A model's points: one, or one for each of its files where an axis is a file's size or time. */
function pointsOf(model, across, up) {
  const ofFiles = [across, up].some((key) => key === "size" || key === "time");
  const { name, weights } = model;
  const candidates = ofFiles
    ? Object.entries(model.files).map(([kind, file]) => ({ label: `${name} ${kind}`, values: { weights, ...file, ...file.figures } }))
    : [{ label: name, values: { weights, ...model.figures } }];
  return candidates
    .filter(({ values }) => values[across] != null && values[up] != null)
    .map(({ label, values }) => ({ label, link: `${name}/`, x: values[across], y: values[up] }));
}

/** A linear or, over more than a factor of 20, logarithmic scale: place in 0..1 and ticks. */
function scale(values) {
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (low > 0 && high / low > 20) {
    [low, high] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
    const ticks = Array.from({ length: high - low + 1 }, (_, step) => 10 ** (low + step));
    return { at: (v) => (Math.log10(v) - low) / (high - low), ticks };
  }
  if (low === high) [low, high] = [low - Math.abs(low) * 0.1 - 0.1, high + Math.abs(high) * 0.1 + 0.1];
  const step = [1, 2, 5, 10].map((f) => f * 10 ** Math.floor(Math.log10((high - low) / 4))).find((s) => (high - low) / s <= 5);
  [low, high] = [Math.floor(low / step) * step, Math.ceil(high / step) * step];
  const ticks = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => low + i * step);
  return { at: (v) => (v - low) / (high - low), ticks };
}

const short = (key, value) => key === "accuracy"
  ? `${(100 * value).toFixed(0)} %`
  : value.toLocaleString("en", { notation: Math.abs(value) >= 1e4 ? "compact" : "standard", maximumSignificantDigits: 4 });

function plot(points, across, up, width, tell) {
  const height = 320, left = 56, right = 16, top = 24, bottom = 44;
  const svg = (tag, attributes, children) => make(tag, attributes, children, true);
  const title = `${label(up)} against ${label(across)}`;
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": title });
  if (!points.length) {
    root.append(svg("text", { x: left, y: height / 2 }, ["No model here has both figures."]));
    return root;
  }
  const x = scale(points.map((p) => p.x)), y = scale(points.map((p) => p.y));
  const px = (v) => left + x.at(v) * (width - left - right), py = (v) => height - bottom - y.at(v) * (height - top - bottom);
  for (const tick of x.ticks) {
    root.append(svg("line", { class: "axis", x1: px(tick), x2: px(tick), y1: top, y2: height - bottom }));
    root.append(svg("text", { x: px(tick), y: height - bottom + 16, "text-anchor": "middle" }, [short(across, tick)]));
  }
  for (const tick of y.ticks) {
    root.append(svg("line", { class: "axis", x1: left, x2: width - right, y1: py(tick), y2: py(tick) }));
    root.append(svg("text", { x: left - 6, y: py(tick) + 4, "text-anchor": "end" }, [short(up, tick)]));
  }
  root.append(svg("text", { x: width - right, y: height - 8, "text-anchor": "end" }, [label(across)]));
  root.append(svg("text", { x: 4, y: 12 }, [label(up)]));
  const taken = points.map((p) => ({ x: px(p.x) - 6, y: py(p.y) - 6, w: 12, h: 12 }));
  for (const p of points) {
    const [first, second] = [across, up].map((key) => label(key).split(",")[0]); // without the unit
    const said = `${p.label}: ${first} ${say(across, p.x)}, ${second} ${say(up, p.y)}`;
    const children = [svg("title", {}, [said]), svg("circle", { cx: px(p.x), cy: py(p.y), r: 6 })];
    const spot = free(p.label, px(p.x), py(p.y), left, width, taken);
    if (spot) children.push(svg("text", spot, [p.label]));
    const link = svg("a", { href: p.link, "aria-label": said }, children);
    for (const event of ["focus", "mouseenter"]) link.addEventListener(event, () => tell(said));
    root.append(link);
  }
  return root;
}

/** Where a label covers no point and no other label; nowhere, if there is no such place. */
function free(label, x, y, left, width, taken) {
  const w = 6.2 * label.length, h = 12;
  for (const [dx, dy] of [[9, -6], [-9 - w, -6], [-w / 2, -21], [-w / 2, 9]]) {
    const box = { x: x + dx, y: y + dy, w, h };
    const hit = taken.some((t) => box.x < t.x + t.w && t.x < box.x + w && box.y < t.y + t.h && t.y < box.y + h);
    if (hit || box.x < left || box.x + w > width || box.y < 12) continue;
    taken.push(box);
    return { x: box.x, y: box.y + 10 };
  }
  return null;
}

/** A button in each head; numbers are ordered by the figures, not by their text. */
function sortable(table, rows) {
  const figure = (model) => Object.values(model.figures)[0];
  const keys = [
    (m) => m.name, null, (m) => m.task, (m) => m.weights, figure, (m) => m.files[m.file]?.size, (m) => m.files[m.file]?.time,
  ];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    for (const { row } of rows) row.cells[column].dataset.label = head.textContent;
    if (!keys[column]) return;
    const button = make("button", { type: "button" }, [head.textContent]);
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = ({ model }) => keys[column](model);
      const given = rows.filter((entry) => value(entry) != null);
      const sign = down ? -1 : 1;
      given.sort((a, b) => sign * (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0));
      const missing = rows.filter((entry) => value(entry) == null); // last, whichever way
      table.tBodies[0].append(...[...given, ...missing].map(({ row }) => row));
    });
  });
}

const place = document.getElementById("gallery");
if (place) {
  const table = document.querySelector(".md-content table");
  table.dataset.gallery = "";
  fetch("models.json").then((answer) => answer.json()).then((models) => gallery(place, table, models));
}
