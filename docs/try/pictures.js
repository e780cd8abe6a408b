// Pictures as the numbers that models take, the same as kerazoo.datasets.images makes of them.

const LARGEST = 16e6; // pixels of a canvas that phones still draw

/** A picture file's pixels: {pixels, width, height}, red, green, blue, opacity, 0..255. */
export async function readPicture(file) {
  let bitmap = await createImageBitmap(file);
  const shrink = Math.sqrt(LARGEST / (bitmap.width * bitmap.height));
  if (shrink < 1) {
    bitmap = await createImageBitmap(bitmap, { resizeWidth: Math.floor(bitmap.width * shrink), resizeHeight: Math.floor(bitmap.height * shrink), resizeQuality: "high" });
  }
  const { width, height } = bitmap;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return { pixels: context.getImageData(0, 0, width, height).data, width, height };
}

/** The channels of pixels of four: all three colours, or one grey of whole numbers, as TensorFlow rounds. */
export function channelsOf(pixels, channels) {
  const values = new Float32Array((pixels.length / 4) * channels);
  for (let from = 0, to = 0; from < pixels.length; from += 4) {
    const [red, green, blue] = [pixels[from], pixels[from + 1], pixels[from + 2]];
    if (channels === 1) values[to++] = Math.floor(((0.2989 * red + 0.587 * green + 0.114 * blue) / 255) * 255.5);
    else for (const value of [red, green, blue]) values[to++] = value;
  }
  return values;
}

/**
 * Squeezed to another size by a triangle that covers what a new pixel covers: bilinear with
 * antialiasing, tf.image.resize(..., antialias=True). Rows first, channels last.
 */
export function resize(values, [height, width, channels], [newHeight, newWidth]) {
  const tall = along(values, height, newHeight, width * channels, 1);
  return along(tall, width, newWidth, channels, newHeight);
}

/** One axis of `from` groups of `inner` numbers, resized; `outer` such axes follow each other. */
function along(values, from, to, inner, outer) {
  const result = new Float32Array(outer * to * inner);
  const scale = from / to, reach = Math.max(scale, 1);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale - 0.5;
    const first = Math.max(0, Math.ceil(centre - reach)), last = Math.min(from - 1, Math.floor(centre + reach));
    const weights = [];
    for (let j = first; j <= last; j++) weights.push(Math.max(0, 1 - Math.abs(j - centre) / reach));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    for (let o = 0; o < outer; o++) {
      for (let k = 0; k < inner; k++) {
        let value = 0;
        for (let j = first; j <= last; j++) value += weights[j - first] * values[(o * from + j) * inner + k];
        result[(o * to + i) * inner + k] = value / sum;
      }
    }
  }
  return result;
}
