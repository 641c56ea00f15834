// Draws what the data of the page say. No number is estimated here: a difference of two scores, a comparison
// with the threshold and rounding for the eye are all.
import DataTable from "datatables";
import "vega-bundle";

const data = JSON.parse(document.getElementById("data").textContent);
const cells = new Map(data.cells.map((cell) => [cell.id, cell]));
const drawn = new Set();
const missing = "–";

// --- small helpers ------------------------------------------------------------------------------------------

const byId = (id) => document.getElementById(id);
const decimals = (value, digits = 3) => (value === null ? missing : value.toFixed(digits));

function element(name, properties = {}, children = []) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// A column of DataTables. `show` gives the text or node that is seen, `value` what is sorted and searched.
function column(title, value, { show = value, className = "", filter = false } = {}) {
  const render = (_, kind, row) => {
    if (kind !== "display") return value(row) ?? "";
    const seen = show(row) ?? missing;
    return seen instanceof Node ? seen : escaped(seen);
  };
  return { name: title, data: null, render, className, columnControl: filter ? [["searchList"]] : [] };
}

// DataTables reads texts as HTML.
function escaped(text) {
  return element("span", { textContent: text }).innerHTML;
}

// A table whose headings are made here: as heading cells, and never read as HTML.
function table(id, columns, settings) {
  const heads = columns.map(({ name }) => element("th", { scope: "col", textContent: name }));
  byId(id).append(element("thead", {}, [element("tr", {}, heads)]));
  const language = { columnControl: { dropdown: "Choose levels" } };
  return new DataTable(`#${id}`, { columns, language, autoWidth: false, deferRender: true, ...settings });
}

function options(select, entries, chosen) {
  select.replaceChildren(...entries.map(([value, text]) => new Option(text, value, false, value === chosen)));
}

// --- models -------------------------------------------------------------------------------------------------

function aucColumn(title, key) {
  const show = ({ [key]: auc }) => {
    if (auc === null) return missing;
    return auc.low === null ? decimals(auc.estimate) : `${decimals(auc.estimate)} (${decimals(auc.low)} to ${decimals(auc.high)})`;
  };
  return column(title, (cell) => cell[key]?.estimate ?? null, { show, className: "number" });
}

function metricColumn(title, key) {
  return column(title, (cell) => cell[key], { show: (cell) => decimals(cell[key]), className: "number" });
}

function curveBox(cell) {
  if (!(cell.id in data.curves)) return element("span", { textContent: missing });
  const box = element("input", { type: "checkbox", checked: drawn.has(cell.id) });
  box.setAttribute("aria-label", `Draw the ROC curve of ${cell.task}: ${cell.name}`);
  box.addEventListener("change", () => {
    if (box.checked) drawn.add(cell.id);
    else drawn.delete(cell.id);
    drawCurves();
  });
  return box;
}

function drawCells() {
  const methods = new Set(data.cells.flatMap((cell) => [cell.val_auc?.method, cell.test_auc?.method]).filter(Boolean));
  byId("cells-text").textContent =
    `AUC with its ${100 * data.conf_level}% interval (${[...methods].join("; ") || "no interval"}); ` +
    `accuracy and F1 at threshold ${data.threshold}. Click a heading to sort; the box searches all columns.`;
  const settings = data.settings.map((name) => column(name, (cell) => cell.settings[name], { filter: true }));
  const columns = [
    column("ROC", (cell) => Number(drawn.has(cell.id)), { show: curveBox }),
    column("task", (cell) => cell.task, { filter: true }),
    ...settings,
    aucColumn("validation AUC", "val_auc"),
    aucColumn("test AUC", "test_auc"),
    metricColumn("test accuracy", "test_accuracy"),
    metricColumn("test F1", "test_f1"),
    column("one class only in", (cell) => cell.collapsed, { filter: true }),
    column("status", (cell) => cell.status, { filter: true }),
    column("remarks", (cell) => cell.remarks, { className: "remarks" }),
    column("cell", (cell) => cell.id),
  ];
  return table("cells", columns, { data: data.cells, order: [] });
}

// --- curves -------------------------------------------------------------------------------------------------

function curveName(cell) {
  const task = Object.keys(data.tasks).length > 1 ? `${cell.task}: ` : "";
  return `${task}${cell.name} (AUC ${decimals(cell.test_auc.estimate)})`;
}

async function drawCurves() {
  const names = [...drawn].map((id) => curveName(cells.get(id)));
  const values = [...drawn].flatMap((id, place) =>
    data.curves[id].fpr.map((fpr, corner) => ({ fpr, tpr: data.curves[id].tpr[corner], corner, model: names[place] })),
  );
  byId("roc-text").textContent = names.length ? `Drawn: ${names.join("; ")}.` : "No curve is chosen.";
  byId("clear").disabled = names.length === 0;
  await window.vegaEmbed("#roc", rocSpec(names, values), { renderer: "svg", actions: false });
}

function rocSpec(names, values) {
  const width = byId("roc").clientWidth;
  const axis = { values: [0, 0.2, 0.4, 0.6, 0.8, 1], format: ".1f" };
  const rate = (field, title) => ({ field, title, axis, type: "quantitative", scale: { domain: [0, 1] } });
  const look = (range) => ({ field: "model", type: "nominal", sort: null, scale: { domain: names, range } });
  const dashes = [[], [6, 3], [2, 2], [8, 3, 2, 3]];
  const cycle = (range) => names.map((_, place) => range[place % range.length]);
  const legend = { orient: "bottom", columns: 1, title: null, labelLimit: width - 120, symbolSize: 400 };
  return {
    description: names.length ? `ROC curves of ${names.join("; ")}` : "An empty ROC plot",
    width: "container",
    height: Math.min(width, 480),
    layer: [
      {
        data: { values: [{ fpr: 0, tpr: 0 }, { fpr: 1, tpr: 1 }] },
        mark: { type: "line", color: "#999", strokeDash: [1, 3] },
        encoding: { x: rate("fpr"), y: rate("tpr") },
      },
      {
        data: { values },
        mark: { type: "line", strokeWidth: 2 },
        encoding: {
          x: rate("fpr", "False-positive rate (1 - specificity)"),
          y: rate("tpr", "True-positive rate (sensitivity)"),
          order: { field: "corner", type: "quantitative" },
          color: { ...look(cycle(data.colours)), legend },
          strokeDash: { ...look(cycle(dashes)), legend },
        },
      },
    ],
    config: { font: "system-ui, sans-serif", axis: { labelFontSize: 12, titleFontSize: 13 }, legend: { labelFontSize: 12 } },
  };
}

// --- images -------------------------------------------------------------------------------------------------

const call = (score) => (score >= data.threshold ? 1 : 0);

function pairRows() {
  const task = data.tasks[byId("task").value];
  const [a, b] = [task.scores[byId("a").value], task.scores[byId("b").value]];
  const rows = task.images.map((image, place) => ({ ...image, a: a[place], b: b[place] }));
  return rows.filter((row) => row.a !== null && row.b !== null);
}

function callText(score, label) {
  return `${call(score) ? "positive" : "negative"}, ${call(score) === label ? "right" : "wrong"}`;
}

function scoreText(score, label) {
  const className = call(score) === label ? "right" : "wrong";
  const called = element("span", { textContent: callText(score, label), className });
  return element("span", {}, [`${decimals(score)} `, called]);
}

function shownPictures(row) {
  const found = [];
  const small = data.tasks[byId("task").value].pictures[row.image_id];
  if (small) found.push([small, "", `Image ${row.image_id}, ${row.class ?? "class unknown"}`]);
  for (const model of ["a", "b"]) {
    const map = data.maps[byId(model).value]?.[row.image_id];
    const name = model.toUpperCase();
    if (map) found.push([map, `Grad-CAM ${name}`, `Grad-CAM of model ${name} on image ${row.image_id}`]);
  }
  return found.map(([picture, text, alt]) =>
    element("figure", {}, [
      element("img", { src: `data:image/jpeg;base64,${picture}`, alt }),
      element("figcaption", { textContent: text }),
    ]),
  );
}

function pictureButton(row) {
  const figures = shownPictures(row);
  if (figures.length === 0) return element("span", { textContent: missing });
  const pictures = element("span", { className: "pictures" }, figures);
  const button = element("button", { type: "button", className: "picture", title: "Show larger" }, [pictures]);
  button.addEventListener("click", () => {
    const scores = ["a", "b"].map((model) => `${model.toUpperCase()} ${decimals(row[model])} (${callText(row[model], row.label)})`);
    byId("large-text").textContent = [row.image_id, row.class, ...scores].filter(Boolean).join("; ");
    byId("large").querySelector(".pictures").replaceChildren(...shownPictures(row));
    byId("large").showModal();
  });
  return button;
}

function makeImages() {
  const folded = Object.values(data.tasks).some((task) => task.folded);
  const score = (title, key) =>
    column(title, (row) => row[key], { show: (row) => scoreText(row[key], row.label), className: "number" });
  const difference = (row) => row.a - row.b;
  const columns = [
    { ...column("image", () => "", { show: pictureButton }), orderable: false, searchable: false },
    column("id", (row) => row.image_id, { className: "id" }),
    column("class", (row) => row.class),
    column("label", (row) => (row.label ? "positive" : "negative")),
    column("patient", (row) => row.group_id),
    column("split", (row) => (row.split === "val" ? "validation" : row.split)),
    ...(folded ? [column("fold", (row) => row.fold)] : []),
    score("score A", "a"),
    score("score B", "b"),
    column("A - B", (row) => Math.abs(difference(row)), { show: (row) => decimals(difference(row)), className: "number" }),
    column("disagree", (row) => (call(row.a) === call(row.b) ? "no" : "yes")),
  ];
  return table("images", columns, { data: [], order: [[columns.length - 2, "desc"]] });
}

function drawImages(images) {
  const part = byId("part").value;
  const pairs = pairRows().filter((row) => part === "" || row.split === part);
  const unequal = pairs.filter((row) => call(row.a) !== call(row.b));
  const rows = byId("disagree").checked ? unequal : pairs;
  byId("images-text").textContent = pairs.length
    ? `The models disagree on ${unequal.length} of ${pairs.length} images that both scored, ` +
      `at threshold ${data.threshold}. A - B sorts by its size.`
    : "No image of this part was scored by both models.";
  images.clear().rows.add(rows).draw();
}

function chooseTask() {
  const task = byId("task").value;
  const own = data.cells.filter((cell) => cell.task === task && cell.status === "done");
  const entries = own.map((cell) => [cell.id, cell.name]);
  const [a, b = a] = data.tasks[task].models;
  options(byId("a"), entries, a);
  options(byId("b"), entries, b);
}

// --- start --------------------------------------------------------------------------------------------------

async function start() {
  const tasks = Object.keys(data.tasks);
  options(byId("task"), tasks.map((task) => [task, task]), tasks[0]);
  data.tasks[tasks[0]].models.filter((id) => id in data.curves).forEach((id) => drawn.add(id));
  const cellTable = drawCells();
  chooseTask();
  const imageTable = makeImages();
  drawImages(imageTable);
  byId("task").addEventListener("change", chooseTask);
  byId("choice").addEventListener("change", () => drawImages(imageTable));
  byId("clear").addEventListener("click", () => {
    drawn.clear();
    cellTable.rows().invalidate().draw(false);
    drawCurves();
  });
  await drawCurves();
  document.body.dataset.ready = "yes";
}

start().catch((error) => {
  byId("failure").textContent = `The page could not be drawn: ${error.message}`;
  byId("failure").hidden = false;
  throw error;
});
