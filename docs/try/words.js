// Words and their numbers, the same as kerazoo.datasets.text.

const WORD = /[a-z0-9]+(?=n't)|n't|'(?:s|ve|re|d|ll|m)\b|[a-z0-9]+|[,!?()]/g;
const UNKNOWN = 1;

/** The words of a sentence, in lower case and without accents, and five punctuation marks. */
export function splitWords(text) {
  const plain = text.replaceAll("\u2019", "'").normalize("NFKD").replace(/[^\x00-\x7f]/g, "");
  return plain.toLowerCase().match(WORD) ?? [];
}

/** word -> number: 0 is padding, 1 any other word, 2 the first of the list. */
export function numbersOf(list) {
  return new Map(list.split(/\s+/).filter(Boolean).map((word, place) => [word, place + UNKNOWN + 1]));
}

/** `length` numbers of a sentence's first words, 0 after its end. */
export function encode(words, numbers, length) {
  const encoded = new Int32Array(length);
  words.slice(0, length).forEach((word, place) => { encoded[place] = numbers.get(word) ?? UNKNOWN; });
  return encoded;
}
