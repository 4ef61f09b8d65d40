/**
 * SHA-512 (FIPS 180-4 §6.4) of padded messages as a WebAssembly module, which has 64-bit words and rotations. SHA-crypt
 * hashes small messages by the hundred thousand, and there the calls to a general hash function cost more than the
 * hashing. The code is written out here as instructions, all eighty rounds in a row.
 */

/** What the module exports. */
export interface Sha512Module {
  readonly memory: WebAssembly.Memory;
  /** Hashes `count` blocks of 128 bytes, which begin at `block` and end with the padding, to the digest at 0. */
  hash(block: number, count: number): void;
}

/** Makes one; it has a memory of its own of 64 KiB. */
export function createSha512Module(): Sha512Module {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()));
  return exports as unknown as Sha512Module;
}

/** Opcodes of WebAssembly (core specification §5.4). */
const Op = {
  loop: 0x03,
  end: 0x0b,
  brIf: 0x0d,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  load64: 0x29,
  store64: 0x37,
  const32: 0x41,
  const64: 0x42,
  add32: 0x6a,
  sub32: 0x6b,
  add: 0x7c,
  and: 0x83,
  or: 0x84,
  xor: 0x85,
  shl: 0x86,
  shr: 0x88,
  rotr: 0x8a,
} as const;

const I32 = 0x7f;
const I64 = 0x7e;
const NO_RESULT = 0x40;
/** log2 of the alignment of 64-bit words. */
const ALIGNED = 3;

/** Locals: the parameters, the working variables a to h, the last sixteen words of the schedule, and one for a moment. */
const BLOCK = 0;
const COUNT = 1;
const VARIABLES = 2;
const WORDS = 10;
const MOMENT = 26;

const get = (local: number) => [Op.localGet, local];
const set = (local: number) => [Op.localSet, local];
const constant = (value: bigint) => [Op.const64, ...signed(BigInt.asIntN(64, value))];
const shifted = (local: number, op: number, bits: number) => [...get(local), ...constant(BigInt(bits)), op];
const rotated = (local: number, bits: number) => shifted(local, Op.rotr, bits);
const load = (at: number) => [Op.const32, 0, Op.load64, ALIGNED, ...unsigned(at)];
const store = (at: number, value: readonly number[]) => [Op.const32, 0, ...value, Op.store64, ALIGNED, ...unsigned(at)];

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const body = [1, 25, I64, ...hashFunction()];
  const sections = [
    [1, 1, 0x60, 2, I32, I32, 0],
    [3, 1, 0],
    [5, 1, 0, 1],
    [7, 2, ...text("memory"), 2, 0, ...text("hash"), 0, 0],
    [10, 1, ...unsigned(body.length), ...body],
  ];
  const content = sections.flatMap(([id = 0, ...bytes]) => [id, ...unsigned(bytes.length), ...bytes]);
  return new Uint8Array([0, ...new TextEncoder().encode("asm"), 1, 0, 0, 0, ...content]);
}

function hashFunction(): number[] {
  const eight = [0, 1, 2, 3, 4, 5, 6, 7];
  const primes = firstPrimes(80);
  return [
    ...eight.flatMap((i) => store(8 * i, constant(fractionOfRoot(primes[i] as number, 2n)))),
    ...[Op.loop, NO_RESULT],
    ...eight.flatMap((i) => [...load(8 * i), ...set(VARIABLES + i)]),
    ...Array.from({ length: 16 }, (_, i) => loadWord(i)).flat(),
    ...primes.flatMap((prime, t) => [...(t < 16 ? [] : scheduleWord(t)), ...round(t, fractionOfRoot(prime, 3n))]),
    ...eight.flatMap((i) => store(8 * i, [...load(8 * i), ...get(VARIABLES + i), Op.add])),
    ...[...get(BLOCK), Op.const32, ...signed(128n), Op.add32, ...set(BLOCK)],
    ...[...get(COUNT), Op.const32, 1, Op.sub32, Op.localTee, COUNT, Op.brIf, 0, Op.end],
    ...eight.flatMap((i) => [...load(8 * i), ...set(MOMENT), ...store(8 * i, swapped())]),
    Op.end,
  ];
}

function loadWord(index: number): number[] {
  return [
    ...get(BLOCK),
    Op.load64,
    ALIGNED,
    ...unsigned(8 * index),
    ...set(MOMENT),
    ...swapped(),
    ...set(WORDS + index),
  ];
}

/** The bytes of the moment's word in the other order: neighbours are swapped, then pairs, then halves. */
function swapped(): number[] {
  const swap = (bits: number, mask: bigint) => [
    ...[...shifted(MOMENT, Op.shr, bits), ...constant(mask), Op.and],
    ...[...get(MOMENT), ...constant(mask), Op.and, ...constant(BigInt(bits)), Op.shl, Op.or],
    ...set(MOMENT),
  ];
  return [...swap(8, 0x00ff00ff00ff00ffn), ...swap(16, 0x0000ffff0000ffffn), ...rotated(MOMENT, 32)];
}

/** §6.4.2, step 1: W(t) in the place of W(t - 16). */
function scheduleWord(t: number): number[] {
  const word = (back: number) => WORDS + (t - back) % 16;
  const [before2, before15] = [word(2), word(15)];
  return [
    ...[...get(word(16)), ...get(word(7)), Op.add],
    ...[...rotated(before15, 1), ...rotated(before15, 8), Op.xor, ...shifted(before15, Op.shr, 7), Op.xor, Op.add],
    ...[...rotated(before2, 19), ...rotated(before2, 61), Op.xor, ...shifted(before2, Op.shr, 6), Op.xor, Op.add],
    ...set(word(16)),
  ];
}

/** §6.4.2, step 3; instead of the values the names of the variables move on by one. */
function round(t: number, roundConstant: bigint): number[] {
  const variable = (index: number) => VARIABLES + (index - t % 8 + 8) % 8;
  const [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map(variable) as Eight;
  return [
    ...[...get(h), ...rotated(e, 14), ...rotated(e, 18), Op.xor, ...rotated(e, 41), Op.xor, Op.add],
    ...[...get(f), ...get(g), Op.xor, ...get(e), Op.and, ...get(g), Op.xor, Op.add],
    ...[...constant(roundConstant), Op.add, ...get(WORDS + t % 16), Op.add, Op.localTee, h],
    ...[...get(d), Op.add, ...set(d)],
    ...[...get(h), ...rotated(a, 28), ...rotated(a, 34), Op.xor, ...rotated(a, 39), Op.xor, Op.add],
    ...[...get(a), ...get(b), Op.xor, ...get(c), Op.and, ...get(a), ...get(b), Op.and, Op.xor, Op.add],
    ...set(h),
  ];
}

type Eight = [number, number, number, number, number, number, number, number];

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let candidate = 2; primes.length < count; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return primes;
}

/** The first 64 bits of the fractional part of a prime's square or cube root (§4.2.3, §5.3.5). */
function fractionOfRoot(prime: number, degree: bigint): bigint {
  const scaled = BigInt(prime) << (64n * degree);
  let root = 0n;
  for (let bit = 1n << 70n; bit > 0n; bit >>= 1n) {
    if ((root + bit) ** degree <= scaled) root += bit;
  }
  return BigInt.asUintN(64, root);
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [value & 127 | 128, ...unsigned(value >>> 7)];
}

/** Signed LEB128. */
function signed(value: bigint): number[] {
  const byte = Number(value & 127n);
  const rest = value >> 7n;
  const last = byte < 64 ? rest === 0n : rest === -1n;
  return last ? [byte] : [byte | 128, ...signed(rest)];
}

function text(name: string): number[] {
  return [name.length, ...new TextEncoder().encode(name)];
}
