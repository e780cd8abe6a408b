// A drawing as MNIST's makers laid out theirs: 20 pixels at most, its centre of mass in the middle of 28.

import { resize } from "./pictures.js";

export const SIDE = 28;
const LONGEST = 20;

/** `ink`: grey, 0..255, `side` by `side`, light on dark. Gives 28 x 28 of these, null without ink. */
export function likeMnist(ink, side) {
  const box = boxOf(ink, side);
  if (!box) return null;
  const longest = Math.max(box.height, box.width);
  const size = [box.height, box.width].map((length) => Math.max(1, Math.round((LONGEST * length) / longest)));
  const cut = new Float32Array(box.height * box.width);
  for (let row = 0; row < box.height; row++) {
    const start = (box.top + row) * side + box.left;
    cut.set(ink.subarray(start, start + box.width), row * box.width);
  }
  return centred(resize(cut, [box.height, box.width, 1], size), size);
}

function boxOf(ink, side) {
  let [top, left, bottom, right] = [side, side, -1, -1];
  ink.forEach((value, place) => {
    if (value < 32) return;
    const row = Math.floor(place / side), column = place % side;
    [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
    [left, right] = [Math.min(left, column), Math.max(right, column)];
  });
  return bottom < 0 ? null : { top, left, height: bottom - top + 1, width: right - left + 1 };
}

function centred(digit, [height, width]) {
  let mass = 0, down = 0, across = 0;
  digit.forEach((value, place) => {
    mass += value;
    down += value * Math.floor(place / width);
    across += value * (place % width);
  });
  const top = Math.round((SIDE - 1) / 2 - down / mass), left = Math.round((SIDE - 1) / 2 - across / mass);
  const whole = new Float32Array(SIDE * SIDE);
  digit.forEach((value, place) => {
    const row = top + Math.floor(place / width), column = left + (place % width);
    if (row >= 0 && row < SIDE && column >= 0 && column < SIDE) whole[row * SIDE + column] = value;
  });
  return whole;
}
