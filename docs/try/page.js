// What the pages share: the line about the file, the answer as bars, and when a file is fetched.

import { listFiles, load, once, softmax } from "./runtime.js";

/** An element with attributes and children. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const time = (ms) => (ms < 0.1 ? "under 0.1 ms" : `${ms.toFixed(1)} ms`);

/**
 * Set up the page of a model; null if the site was built without it.
 *
 * The file is fetched when it is first needed, not when the page opens: with the runtime it is 10 MB
 * and more. `answer(sample)` runs the file and shows the likeliest classes; `run` only runs it;
 * `reporting` makes a function say what goes wrong in it.
 */
export async function open(name, { count = 10 } = {}) {
  const place = document.getElementById("try");
  const bars = make("ol", { class: "try-bars", "aria-label": "Answer, the likeliest first" });
  const said = make("p", { class: "try-said", role: "status" });
  const facts = make("p", { class: "try-facts" });
  place.append(bars, said, facts);
  const say = (text) => { said.textContent = text; };

  const file = (await listFiles())[name];
  if (!file) {
    say("This copy of the site was built without the models. In a checkout of kerazoo: python tools/docs build");
    for (const control of place.querySelectorAll("button, input, textarea")) control.disabled = true;
    return null;
  }
  const link = make("a", { href: new URL(file.file, import.meta.url), download: `${name}.tflite` }, `${name}.tflite`);
  facts.append(link, `, ${file.kind}, ${Math.round(file.bytes / 1000).toLocaleString("en")} kB`);

  const model = once(() => {
    say("Fetching the runtime and the file ...");
    return load(name);
  });
  const run = async (sample) => (await model()).run(sample);
  async function answer(sample) {
    const { values, ms } = await run(sample);
    showBars(bars, file.labels, softmax(values), count);
    said.dataset.values = JSON.stringify([...values]); // for whoever wants more than rounded shares
    say(`One prediction took ${time(ms)} in this browser.`);
  }
  const reporting = (work) => (...given) => work(...given).catch((error) => {
    say(`That did not work: ${error.message ?? "a file was not fetched"}`); // of a script, an event
  });
  const clear = () => { bars.replaceChildren(); say(""); };
  return { answer: reporting(answer), clear, run, reporting, say };
}

function showBars(list, labels, shares, count) {
  const best = labels.map((label, index) => ({ label, share: shares[index] }))
    .sort((a, b) => b.share - a.share).slice(0, count);
  list.replaceChildren(...best.map(({ label, share }) => {
    const bar = make("span", { class: "try-bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", share);
    return make("li", {}, make("span", {}, label), bar, make("span", {}, `${(100 * share).toFixed(1)} %`));
  }));
}

/** `work`, one call at a time: calls that come meanwhile become one more at the end. */
export function latest(work) {
  let busy = false, again = false;
  return async () => {
    again = true;
    if (busy) return;
    busy = true;
    while (again) {
      again = false;
      await work();
    }
    busy = false;
  };
}
