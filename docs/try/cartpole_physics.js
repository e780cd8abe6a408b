// Gymnasium's CartPole-v1 (Barto, Sutton, Anderson 1983): the same equations and numbers.

const GRAVITY = 9.8, CART = 1.0, POLE = 0.1, HALF = 0.5, FORCE = 10.0, SECONDS = 0.02; // kg, m, N
const EDGE = 2.4, TILT = (12 * 2 * Math.PI) / 360;
export const LIMIT = 500;
export { EDGE, HALF, SECONDS };

/** The next [place, speed, angle, turning] after a push to the left (0) or the right (1). */
export function step([place, speed, angle, turning], action) {
  const force = action === 1 ? FORCE : -FORCE;
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const along = (force + POLE * HALF * turning ** 2 * sine) / (CART + POLE);
  const turn = (GRAVITY * sine - cosine * along) / (HALF * (4 / 3 - (POLE * cosine ** 2) / (CART + POLE)));
  const push = along - (POLE * HALF * turn * cosine) / (CART + POLE);
  return [place + SECONDS * speed, speed + SECONDS * push, angle + SECONDS * turning, turning + SECONDS * turn];
}

export function hasFallen([place, , angle]) {
  return Math.abs(place) > EDGE || Math.abs(angle) > TILT;
}

/** A state as episodes begin: each number within 0.05 of 0. */
export function start() {
  return Array.from({ length: 4 }, () => 0.1 * Math.random() - 0.05);
}
