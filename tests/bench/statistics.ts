/** The arithmetic behind every figure that is printed. */

/**
 * The middle value; of an even number of them, the mean of the two in the middle.
 *
 * @throws {RangeError} if there are none
 */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("a median needs at least one value: got none");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** How many times `ours` is `theirs`; `undefined` if one of them is missing, or `theirs` is 0. */
export function ratio(ours: number | undefined, theirs: number | undefined): number | undefined {
  if (ours === undefined || theirs === undefined || theirs === 0) return undefined;
  return ours / theirs;
}

/** The least and the largest ratio of what ran in turn; `undefined` unless each run of ours has one of theirs. */
export function ratioRange(ours: readonly number[], theirs: readonly number[]): readonly [number, number] | undefined {
  if (ours.length !== theirs.length) return undefined;
  const ratios = ours.flatMap((value, i) => ratio(value, theirs[i]) ?? []);
  return ratios.length === 0 ? undefined : [Math.min(...ratios), Math.max(...ratios)];
}

const MANTISSA_BITS = 7;
const BUCKETS = (33 - MANTISSA_BITS) << MANTISSA_BITS;
/** One unit is a tenth of a microsecond. */
const UNITS_PER_MILLISECOND = 10_000;
const MOST_UNITS = 0x7fff_ffff;

/** Durations in buckets that are at most 0.8 % wide, up to 214 s: constant memory, nothing allocated per value. */
export class Histogram {
  readonly #buckets = new Uint32Array(BUCKETS);
  #count = 0;
  #sumMs = 0;
  #mostMs = 0;

  /** How many durations were added. */
  get count(): number {
    return this.#count;
  }

  /** Adds a duration, in milliseconds. */
  add(durationMs: number): void {
    this.#count++;
    this.#sumMs += durationMs;
    if (durationMs > this.#mostMs) this.#mostMs = durationMs;
    const units = durationMs <= 0 ? 0 : Math.min(durationMs * UNITS_PER_MILLISECOND, MOST_UNITS) | 0;
    this.#buckets[bucketOf(units)]!++;
  }

  /**
   * The duration that the share `quantile` (0 to 1) of all durations does not exceed, in microseconds: the upper end of
   * its bucket. 0 if there are none.
   */
  quantileMicroseconds(quantile: number): number {
    const wanted = Math.max(1, Math.ceil(quantile * this.#count - 1e-9));
    let seen = 0;
    for (let i = 0; i < BUCKETS && this.#count > 0; i++) {
      seen += this.#buckets[i]!;
      if (seen >= wanted) return Math.min(upperEnd(i) / 10, this.#mostMs * 1000);
    }
    return 0;
  }

  /** As it stands in the generator's line. */
  summary(): LatencySummary {
    const at = (quantile: number) => round(this.quantileMicroseconds(quantile));
    return {
      n: this.#count,
      mean: round(this.#count === 0 ? 0 : this.#sumMs / this.#count * 1000),
      p50: at(0.5),
      p90: at(0.9),
      p99: at(0.99),
      max: round(this.#mostMs * 1000),
    };
  }
}

/** Durations, in microseconds. */
export interface LatencySummary {
  readonly n: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Below 128 a bucket for each value; above, 128 for each power of two. */
function bucketOf(units: number): number {
  if (units < 1 << MANTISSA_BITS) return units;
  const exponent = 31 - Math.clz32(units) - MANTISSA_BITS;
  return ((exponent + 1) << MANTISSA_BITS) + (units >> exponent) - (1 << MANTISSA_BITS);
}

/** The largest number of units that goes into a bucket, and one more. */
function upperEnd(bucket: number): number {
  if (bucket < 1 << MANTISSA_BITS) return bucket + 1;
  const exponent = (bucket >> MANTISSA_BITS) - 1;
  return ((bucket & ((1 << MANTISSA_BITS) - 1)) + (1 << MANTISSA_BITS) + 1) * 2 ** exponent;
}
