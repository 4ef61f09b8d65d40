/** The rounds of SHA-crypt with SHA-512, on which nearly all of its time is spent. */
import { createSha512Module } from "./sha512_module.ts";

/** What the rounds begin with. */
export interface Stretch {
  /** 64 bytes with SHA-512. */
  readonly digest: Uint8Array;
  /** As long as the password. */
  readonly password: Uint8Array;
  /** As long as the salt. */
  readonly salt: Uint8Array;
  readonly rounds: number;
}

const BLOCK_BYTES = 128;
const DIGEST_BYTES = 64;
/** The padding's first byte and the message's length. */
const LEAST_PADDING_BYTES = 17;

/** A round's message in the module's memory, in which only the digest of the round before is to be filled in. */
interface Message {
  readonly block: number;
  readonly count: number;
  readonly digestAt: number;
}

/**
 * Step 21 of the specification. A round's message depends on whether its number is odd and divides by 3 and 7, so there
 * are eight; all are laid out beforehand.
 *
 * @param stretch whose password has at most 1,024 bytes
 */
export function stretchWithSha512({ digest, password, salt, rounds }: Stretch): Uint8Array {
  const { memory, hash } = createSha512Module();
  const bytes = new Uint8Array(memory.buffer);
  const messages = new Map<number, Message>();
  let end = BLOCK_BYTES;
  for (let kind = 0; kind < 8; kind++) {
    const parts = partsOf(kind, password, salt);
    const message = layOut(bytes, end, parts);
    messages.set(kind, message);
    end += message.count * BLOCK_BYTES;
  }
  bytes.set(digest);
  for (let round = 0; round < rounds; round++) {
    const kind = (round & 1) | (round % 3 !== 0 ? 2 : 0) | (round % 7 !== 0 ? 4 : 0);
    const { block, count, digestAt } = messages.get(kind) as Message;
    bytes.copyWithin(digestAt, 0, DIGEST_BYTES);
    hash(block, count);
  }
  return bytes.slice(0, DIGEST_BYTES);
}

/** `undefined` stands for the digest of the round before. */
function partsOf(kind: number, password: Uint8Array, salt: Uint8Array): (Uint8Array | undefined)[] {
  const odd = (kind & 1) !== 0;
  return [
    odd ? password : undefined,
    ...((kind & 2) !== 0 ? [salt] : []),
    ...((kind & 4) !== 0 ? [password] : []),
    odd ? undefined : password,
  ];
}

function layOut(bytes: Uint8Array, block: number, parts: readonly (Uint8Array | undefined)[]): Message {
  let at = block;
  let digestAt = block;
  for (const part of parts) {
    if (part === undefined) digestAt = at;
    else bytes.set(part, at);
    at += part?.length ?? DIGEST_BYTES;
  }
  const length = at - block;
  const count = Math.ceil((length + LEAST_PADDING_BYTES) / BLOCK_BYTES);
  bytes[at] = 0x80;
  new DataView(bytes.buffer).setUint32(block + count * BLOCK_BYTES - 4, length * 8);
  return { block, count, digestAt };
}
