import type { PasswordHash } from "./password_hash.ts";

/** How long a hash is expected to take here: a first guess by its parameters, mended by what was measured. */
export class HashCosts {
  /** Measured time as a part of the guess. */
  readonly #factors = new Map<PasswordHash["kind"], number>();

  /** Milliseconds that it is expected to take. */
  expectedMs(hash: PasswordHash): number {
    return guessMs(hash) * (this.#factors.get(hash.kind) ?? 1);
  }

  /** So many milliseconds it took. */
  note(hash: PasswordHash, ms: number): void {
    const measured = ms / guessMs(hash);
    const known = this.#factors.get(hash.kind);
    this.#factors.set(hash.kind, known === undefined ? measured : known + (measured - known) * WEIGHT_OF_THE_LAST);
  }
}

const WEIGHT_OF_THE_LAST = 0.2;

/** As measured on one small machine. */
function guessMs(hash: PasswordHash): number {
  switch (hash.kind) {
    case "sha-crypt":
      return 0.5 + hash.rounds * 0.001;
    case "mosquitto-sha512":
      return 0.2;
    case "pbkdf2-sha512":
      return 0.5 + hash.iterations * 0.001;
    case "argon2id":
      return 0.5 + hash.memoryKib * hash.passes * 0.001;
    case "scram-sha-256":
      return 0.5 + hash.iterations * 0.0005;
  }
}
