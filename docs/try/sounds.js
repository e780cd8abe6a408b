// Sounds as the second of samples that fsdd_keyword takes, as kerazoo.datasets.sounds cuts them.

export const RATE = 8000;

/** An audio file of any kind and rate: Float32Array at 8 kHz, -1..1; channels are averaged. */
export async function readSound(bytes) {
  // The browser decodes to the rate of the context.
  const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes);
  const channels = Array.from({ length: sound.numberOfChannels }, (_, channel) => sound.getChannelData(channel));
  return channels[0].map((_, place) => channels.reduce((sum, one) => sum + one[place], 0) / channels.length);
}

/** The middle second; of a shorter sound all, with silence before and after. */
export function centred(samples, length = RATE) {
  const extra = samples.length - length;
  if (extra >= 0) return samples.slice(Math.floor(extra / 2), Math.floor(extra / 2) + length);
  const whole = new Float32Array(length);
  whole.set(samples, Math.floor(-extra / 2));
  return whole;
}

/** The loudest second of a recording: where in it one speaks is up to them. */
export function loudest(samples, length = RATE) {
  let [sum, most, end] = [0, -1, length];
  samples.forEach((value, place) => {
    sum += value ** 2 - (place >= length ? samples[place - length] ** 2 : 0);
    if (sum > most && place + 1 >= length) [most, end] = [sum, place + 1];
  });
  return samples.length <= length ? centred(samples, length) : samples.slice(end - length, end);
}
