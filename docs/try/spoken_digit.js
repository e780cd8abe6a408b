// "Try it": a spoken digit, heard by fsdd_keyword.

import { open } from "./page.js";
import { centred, loudest, readSound } from "./sounds.js";

const SECONDS = 2;
const page = await open("fsdd_keyword", { count: 3 });
const chooser = document.getElementById("sound");
const button = document.getElementById("record");
const picture = document.getElementById("wave");

async function hear(second) {
  draw(second);
  await page.answer(second);
}

const hearFile = page?.reporting(async (file) => hear(centred(await readSound(await file.arrayBuffer()))));

const record = page?.reporting(async () => {
  button.disabled = true;
  try {
    const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
    page.say("Speak now: one digit, in English.");
    const pieces = await listen(microphone).finally(() => microphone.getTracks().forEach((track) => track.stop()));
    await hear(loudest(await readSound(await new Blob(pieces).arrayBuffer())));
  } finally {
    button.disabled = false;
  }
});

/** What a microphone hears in two seconds, as the pieces of a file. */
function listen(microphone) {
  return new Promise((resolve, reject) => {
    const recorder = new MediaRecorder(microphone), pieces = [];
    recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
    recorder.addEventListener("stop", () => resolve(pieces));
    recorder.addEventListener("error", (event) => reject(event.error));
    recorder.start();
    setTimeout(() => recorder.stop(), 1000 * SECONDS);
  });
}

function draw(samples) {
  const { width, height } = picture;
  const context = picture.getContext("2d");
  context.clearRect(0, 0, width, height);
  context.fillStyle = getComputedStyle(picture).color;
  const share = samples.length / width;
  for (let x = 0; x < width; x++) {
    const piece = samples.subarray(Math.floor(x * share), Math.floor((x + 1) * share));
    const loud = Math.max(0.01, ...piece.map(Math.abs));
    context.fillRect(x, (height * (1 - loud)) / 2, 1, height * loud);
  }
}

if (page) {
  chooser.addEventListener("change", () => { if (chooser.files[0]) hearFile(chooser.files[0]); });
  if (navigator.mediaDevices && window.MediaRecorder) button.addEventListener("click", record);
  else Object.assign(button, { disabled: true, title: "This browser lets only pages served by https listen." });
}
