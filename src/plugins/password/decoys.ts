import { createHmac } from "node:crypto";
import type { PasswordHash } from "./password_hash.ts";

/** Further shapes are rare, and each costs time at every sign-in. */
const MAX_SHAPES = 16;

/**
 * What stands for the hash of a user who does not exist: one that looks as those who do have them, in the same
 * proportions. It is always the same for a user name, and stays so for nearly all when the file changes, since each shape
 * draws for itself and the highest draw wins (weighted rendezvous hashing).
 */
export class Decoys<Hash extends PasswordHash> {
  readonly #shapes: readonly { readonly shape: string; readonly hash: Hash; readonly count: number }[];

  constructor(hashes: readonly Hash[]) {
    const shapes = new Map<string, { shape: string; hash: Hash; count: number }>();
    for (const hash of hashes) {
      const shape = shapeOf(hash);
      const known = shapes.get(shape);
      if (known === undefined) shapes.set(shape, { shape, hash, count: 1 });
      else known.count++;
    }
    this.#shapes = [...shapes.values()].sort((one, other) => other.count - one.count).slice(0, MAX_SHAPES);
  }

  /** @returns `undefined`: there are no hashes */
  draw(secret: Uint8Array, username: string): Hash | undefined {
    let best: Hash | undefined;
    let highest = -Infinity;
    for (const { shape, hash, count } of this.#shapes) {
      const draw = createHmac("sha256", secret).update(`${shape}\0${username}`).digest().readUInt32BE(0);
      const score = Math.log((draw + 0.5) / 2 ** 32) / count;
      if (score <= highest) continue;
      highest = score;
      best = hash;
    }
    return best;
  }
}

/** What can be told of a hash from outside: how long it takes, and what SCRAM says of it. */
function shapeOf(hash: PasswordHash): string {
  switch (hash.kind) {
    case "sha-crypt":
      return `${hash.kind} ${hash.algorithm} ${hash.rounds}`;
    case "mosquitto-sha512":
      return hash.kind;
    case "pbkdf2-sha512":
      return `${hash.kind} ${hash.iterations}`;
    case "argon2id":
      return `${hash.kind} ${hash.memoryKib} ${hash.passes} ${hash.parallelism}`;
    case "scram-sha-256":
      return `${hash.kind} ${hash.iterations} ${hash.salt.length}`;
  }
}
