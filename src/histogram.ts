/** Counts how often a quantity was how large, in buckets as Prometheus has them. */
export class Histogram {
  /** Upper bounds of the buckets, each of which holds its bound; what is larger than all is in a last one. */
  readonly bounds: readonly number[];
  /** Of each bucket, the last one included; not cumulated. */
  readonly counts: Float64Array;
  #sum = 0;

  /** @param bounds from small to large */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Of all that was observed. */
  get sum(): number {
    return this.#sum;
  }

  /** How often something was observed. */
  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.#sum += value;
  }
}
