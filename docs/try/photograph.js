// "Try it": a photograph, named by efficientnet_lite0.

import { make, open } from "./page.js";
import { channelsOf, readPicture, resize } from "./pictures.js";

const SIDE = 224;
const page = await open("efficientnet_lite0", { count: 5 });
const chooser = document.getElementById("photograph");
const drop = document.getElementById("drop");
const shown = make("img", { class: "try-photograph" });

const look = page?.reporting(async (file) => {
  URL.revokeObjectURL(shown.src);
  Object.assign(shown, { src: URL.createObjectURL(file), alt: file.name });
  drop.after(shown);
  const { pixels, width, height } = await readPicture(file);
  await page.answer(resize(channelsOf(pixels, 3), [height, width, 3], [SIDE, SIDE]));
});

if (page) {
  chooser.addEventListener("change", () => { if (chooser.files[0]) look(chooser.files[0]); });
  drop.addEventListener("dragover", (event) => event.preventDefault());
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) look(file);
  });
}
