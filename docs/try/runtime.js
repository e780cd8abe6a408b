// A .tflite file of the zoo in this browser, run by LiteRT.js. Nothing leaves the machine: runtime
// and files lie beside this script, where `python tools/docs try` puts them.

const at = (path) => new URL(path, import.meta.url).href;

/** `work`, done by the first call only; but after a failure by the next one too. */
export function once(work) {
  let promise;
  return () => (promise ??= work().catch((error) => {
    promise = undefined;
    throw error;
  }));
}

/** A file beside this script. */
export async function get(path) {
  const answer = await fetch(at(path));
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
  return answer;
}

/** The files that the site was built with: name -> {file, kind, bytes, labels}. */
export const listFiles = once(async () => (await get("files.json")).json());

let starts = 0;

/** LiteRT.js without threads: those need headers (COOP, COEP) that plain static hosting lacks. */
const startEngine = once(async () => {
  // Chromium does not ask a second time for a module that it could not fetch, unless its address is another.
  const litert = await import(at(starts++ ? `litert/index.js?again=${starts}` : "litert/index.js"));
  // Its log goes to stderr, which the console would show as errors; failures are exceptions.
  self.Module = { printErr: (line) => console.debug(line) };
  await litert.loadLiteRt(at("litert/wasm/"));
  return litert;
});

/**
 * The file of a zoo model, ready to run: `await (await load("mnist_cnn")).run(pixels)`.
 *
 * `run` takes all numbers of one sample, in the order of the file's input, and gives
 * {values: Float32Array, ms}. kerazoo's int8 files take and give real numbers, and quantize inside;
 * LiteRT.js knows no int8 ends.
 */
export async function load(name) {
  const file = (await listFiles())[name];
  if (!file) throw new Error(`This site was built without ${name}: python tools/docs try`);
  const litert = await startEngine();
  const model = await litert.loadAndCompile(at(file.file), { accelerator: "wasm" });
  const [{ dtype, shape }] = model.getInputDetails();
  const Numbers = { float32: Float32Array, int32: Int32Array }[dtype];
  const size = shape.reduce((product, length) => product * length, 1);

  async function run(sample) {
    if (sample.length !== size) throw new Error(`${name} takes ${size} numbers, not ${sample.length}.`);
    const numbers = Numbers.from(sample);
    const start = performance.now();
    const input = litert.Tensor.fromTypedArray(numbers, shape);
    const [output] = await model.run([input]);
    const values = output.toTypedArray().slice(); // the tensor's memory is given back below
    const ms = performance.now() - start;
    output.delete();
    input.delete();
    return { values, ms };
  }
  await run(new Numbers(size)); // the first run sets up memory, and would be timed with it
  return { ...file, run };
}

/** Probabilities of logits. */
export function softmax(logits) {
  const highest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
