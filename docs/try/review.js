// "Try it": a sentence of a film review, judged by mr_text_cnn.

import { latest, make, open } from "./page.js";
import { get } from "./runtime.js";
import { encode, numbersOf, splitWords } from "./words.js";

const LENGTH = 60;
const page = await open("mr_text_cnn");
const text = document.getElementById("review");
const unknown = make("p", { class: "try-unknown" });
document.getElementById("try").append(unknown);
let numbers;

const judge = page?.reporting(async () => {
  numbers ??= numbersOf(await (await get("words.txt")).text());
  const words = splitWords(text.value);
  if (!words.length) {
    unknown.textContent = "";
    return page.clear();
  }
  await page.answer(encode(words, numbers, LENGTH));
  const strange = [...new Set(words.slice(0, LENGTH).filter((word) => !numbers.has(word)))];
  unknown.textContent = strange.length ? `Words it does not know: ${strange.join(", ")}` : "";
  if (words.length > LENGTH) unknown.textContent += ` It reads the first ${LENGTH} words.`;
  return undefined;
});

if (page) text.addEventListener("input", latest(judge));
