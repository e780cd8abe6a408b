// "Try it": a pole on a cart, kept upright by ppo_cartpole.

import { make, open } from "./page.js";
import { EDGE, HALF, hasFallen, LIMIT, SECONDS, start, step } from "./cartpole_physics.js";

const NUDGE = 0.5; // metres a second
const page = await open("ppo_cartpole");
const canvas = document.getElementById("track");
const button = document.getElementById("start");
const figures = make("p", { class: "try-figures" });
canvas.after(figures);
let state = [0, 0, 0, 0], running = false;

/** The action whose score is the highest: 0 pushes left, 1 right. */
async function act() {
  const { values, ms } = await page.run(state);
  return { action: values[1] > values[0] ? 1 : 0, ms };
}

const play = page?.reporting(async () => {
  try {
    await episode();
  } finally {
    running = false;
    button.textContent = "Start";
  }
});

async function episode() {
  state = start();
  let steps = 0, spent = 0;
  await act(); // fetches the file, before the clock starts
  page.say("Running.");
  const begun = performance.now();
  while (running && steps < LIMIT && !hasFallen(state)) {
    const { action, ms } = await act();
    [state, steps, spent] = [step(state, action), steps + 1, spent + ms];
    draw();
    figures.textContent = `Step ${steps} of ${LIMIT}; one prediction takes ${(spent / steps).toFixed(2)} ms.`;
    await until(begun + 1000 * SECONDS * steps);
  }
  if (!running) page.say("Stopped.");
  else page.say(hasFallen(state) ? `It fell after ${steps} steps.` : `It stood for all ${LIMIT} steps.`);
}

/** Real time: a step is a fiftieth of a second. */
const until = (moment) => new Promise((resolve) => setTimeout(resolve, Math.max(0, moment - performance.now())));

function draw() {
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  const [scale, ground] = [width / (2.4 * EDGE), height * 0.75];
  const x = width / 2 + scale * state[0];
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  Object.assign(context, { fillStyle: style.color, strokeStyle: style.color, lineWidth: 1 });
  context.fillRect(0, ground, width, 1);
  context.fillRect(x - 0.3 * scale, ground - 0.25 * scale, 0.6 * scale, 0.25 * scale);
  Object.assign(context, { strokeStyle: style.getPropertyValue("--md-accent-fg-color"), lineWidth: 8, lineCap: "round" });
  context.beginPath();
  context.moveTo(x, ground - 0.25 * scale);
  context.lineTo(x + 2 * HALF * scale * Math.sin(state[2]), ground - (0.25 + 2 * HALF * Math.cos(state[2])) * scale);
  context.stroke();
}

if (page) {
  draw();
  button.addEventListener("click", () => {
    if (running) {
      running = false; // the episode sees it after its step
      return;
    }
    if (button.textContent === "Stop") return;
    running = true;
    button.textContent = "Stop";
    play();
  });
  for (const [id, push] of [["left", -NUDGE], ["right", NUDGE]]) {
    document.getElementById(id).addEventListener("click", () => { state[1] += push; });
  }
}
