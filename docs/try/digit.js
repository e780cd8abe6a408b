// "Try it": a drawn digit, read by mnist_cnn.

import { latest, open } from "./page.js";
import { channelsOf, readPicture } from "./pictures.js";
import { likeMnist, SIDE } from "./mnist.js";

const PEN = 22, STEP = 10; // pixels of the canvas: the line's width, and how far an arrow key goes
const page = await open("mnist_cnn", { count: 3 });
const canvas = document.getElementById("drawing");
const chooser = document.getElementById("picture");
const context = canvas.getContext("2d", { willReadFrequently: true });
const pen = { x: canvas.width / 2, y: canvas.height / 2 };

function clear() {
  context.fillRect(0, 0, canvas.width, canvas.height);
  page.clear();
}

function moveTo(x, y, draws) {
  if (draws) {
    context.beginPath();
    context.moveTo(pen.x, pen.y);
    context.lineTo(x, y);
    context.stroke();
    read();
  }
  Object.assign(pen, { x, y });
}

const read = latest(async () => {
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const digit = likeMnist(channelsOf(pixels, 1), canvas.width);
  if (digit) await page.answer(digit);
});

/** A picture of MNIST's size is taken as it is; any other as if it were drawn. */
const readFile = page?.reporting(async (file) => {
  const { pixels, width, height } = await readPicture(file);
  const bitmap = await createImageBitmap(file);
  clear();
  context.imageSmoothingEnabled = width > SIDE;
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  if (width === SIDE && height === SIDE) await page.answer(channelsOf(pixels, 1));
  else await read();
});

function onKey(event) {
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const way = ways[event.key];
  if (!way) return;
  event.preventDefault();
  const inside = (value) => Math.min(Math.max(value, PEN), canvas.width - PEN);
  moveTo(inside(pen.x + STEP * way[0]), inside(pen.y + STEP * way[1]), !event.shiftKey);
  page.say(`The pen is ${Math.round(pen.x / STEP)} from the left and ${Math.round(pen.y / STEP)} from the top, of 28.`);
}

function placeOf(event) {
  const box = canvas.getBoundingClientRect();
  const scale = canvas.width / box.width;
  return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
}

if (page) {
  Object.assign(context, { fillStyle: "black", strokeStyle: "white", lineWidth: PEN, lineCap: "round" });
  clear();
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    const place = placeOf(event);
    Object.assign(pen, { x: place[0], y: place[1] });
    moveTo(...place, true);
  });
  canvas.addEventListener("pointermove", (event) => { if (event.buttons) moveTo(...placeOf(event), true); });
  canvas.addEventListener("keydown", onKey);
  document.getElementById("clear").addEventListener("click", clear);
  chooser.addEventListener("change", () => { if (chooser.files[0]) readFile(chooser.files[0]); });
}
