/** Looks for the mutants that survive: first the tests of their own rooms are run, then those of whole brokers. */
import type { Mutant } from "./mutants.ts";
import type { TestRuns } from "./test_runs.ts";

/** A test file that takes longer is left out. */
const LONGEST_TEST_MS = 20_000;
/** Time that every run of a test file gets, and how many times what it takes as it is. */
const LEAST_LIMIT_MS = 4000;
const LIMIT_FACTOR = 4;
/** Test files that are run by one process. */
const MOST_AT_ONCE = 16;

/** What a {@linkcode Search} works with. */
export interface SearchParts {
  readonly runs: TestRuns;
  /** Test files that are run at the same time. */
  readonly jobs: number;
  readonly signal: AbortSignal;
  /** All files of the checkout. */
  readonly files: readonly string[];
  /** Only the tests of the mutants' own rooms are run. */
  readonly quick: boolean;
}

interface Test {
  readonly file: string;
  readonly ms: number;
  /** Numbers of the mutants that it comes by. */
  readonly mutants: ReadonlySet<number>;
  /** How many mutants it has found in each file: it will find others there. */
  readonly found: Map<string, number>;
}

type State = "open" | "found" | "survived";

function roomOf(file: string): string {
  return file.split("/")[1] ?? "";
}

/** Runs tests against mutants, and writes down which survive. */
export class Search {
  readonly #parts: SearchParts;
  readonly #mutants: readonly Mutant[];
  readonly #states: State[];
  /** Those that some test comes by. */
  readonly #passed = new Set<number>();

  constructor(mutants: readonly Mutant[], parts: SearchParts) {
    this.#parts = parts;
    this.#mutants = mutants;
    this.#states = mutants.map(() => "open");
  }

  get survivors(): number {
    return this.#states.filter((state) => state === "survived").length;
  }

  /** Mutants that were not looked at to the end. */
  get open(): number {
    return this.#states.filter((state) => state === "open").length;
  }

  async run(): Promise<void> {
    const rooms = new Set(this.#mutants.map(({ file }) => roomOf(file)));
    const tests = this.#parts.files.filter((file) => file.startsWith("tests/") && file.endsWith("_test.ts"));
    const own = tests.filter((file) => rooms.has(roomOf(file)));
    const others = tests.filter((file) => !rooms.has(roomOf(file)) && OTHERS.has(roomOf(file)));
    const { quick, signal } = this.#parts;
    await this.#stage(own, { isLast: quick });
    if (!quick && this.open > 0 && !signal.aborted) await this.#stage(others, { isLast: true });
  }

  async #stage(files: readonly string[], { isLast }: { readonly isLast: boolean }): Promise<void> {
    const tests = await this.#tried(files);
    const open = this.#states.flatMap((state, index) => state === "open" ? index + 1 : []);
    console.log(`${tests.length} test files for ${open.length} mutants`);
    await this.#inParallel(open, async (number) => {
      const isFound = await this.#isFound(number, tests);
      if (this.#parts.signal.aborted) return;
      if (isFound) this.#states[number - 1] = "found";
      else if (isLast) this.#survived(number);
    });
  }

  /** Runs the tests as they are. What fails so, or takes long, is of no use. */
  async #tried(files: readonly string[]): Promise<Test[]> {
    const tests: Test[] = [];
    await this.#inParallel(files, async (file) => {
      const { passed, ms, mutants } = await this.#parts.runs.asItIs(file, LONGEST_TEST_MS);
      if (this.#parts.signal.aborted) return;
      if (!passed) {
        console.log(`${file} is left out: it ${ms < LONGEST_TEST_MS ? "does not pass" : "takes too long"} as it is`);
      } else if (mutants.size > 0) tests.push({ file, ms, mutants, found: new Map() });
      for (const number of passed ? mutants : []) this.#passed.add(number);
    });
    return tests;
  }

  async #isFound(number: number, tests: readonly Test[]): Promise<boolean> {
    const { file } = this.#mutants[number - 1]!;
    // What the likeliest have not found is likely to survive, and costs less if many are run by one process.
    let batchSize = 1;
    const findings = (test: Test) => test.found.get(file) ?? 0;
    const those = tests.filter(({ mutants }) => mutants.has(number))
      .sort((a, b) => (findings(b) + 1) / b.ms - (findings(a) + 1) / a.ms);
    while (those.length > 0) {
      const batch = those.splice(0, batchSize);
      const limitMs = batch.reduce((sum, { ms }) => sum + LIMIT_FACTOR * ms, LEAST_LIMIT_MS);
      const run = { files: batch.map(({ file }) => file), limitMs };
      const isNoticed = await this.#fails(run, number) && !await this.#fails(run, 0);
      if (this.#parts.signal.aborted) return false;
      if (isNoticed) return this.#foundBy(batch, file);
      batchSize = Math.min(2 * batchSize, MOST_AT_ONCE);
    }
    return false;
  }

  /** On a machine with other work tests may fail without a mutant: then they say nothing about it. */
  async #fails({ files, limitMs }: { files: readonly string[]; limitMs: number }, mutant: number): Promise<boolean> {
    return !(await this.#parts.runs.withMutant(files, mutant, limitMs)).passed;
  }

  #foundBy(tests: readonly Test[], file: string): true {
    for (const { found } of tests) found.set(file, (found.get(file) ?? 0) + 1 / tests.length);
    return true;
  }

  #survived(number: number): void {
    this.#states[number - 1] = "survived";
    const { file, line, member, kind, text } = this.#mutants[number - 1]!;
    const why = this.#passed.has(number) ? "" : " (no test comes here)";
    console.log(`${file}:${line}: ${member}: ${kind}: ${text}${why}`);
  }

  async #inParallel<T>(all: readonly T[], task: (one: T) => Promise<void>): Promise<void> {
    const rest = all.values();
    const work = async () => {
      for (const one of rest) {
        if (this.#parts.signal.aborted) return;
        await task(one);
      }
    };
    await Promise.all(Array.from({ length: this.#parts.jobs }, work));
  }
}

/** Where quick tests are: of rooms, and of whole brokers. */
const OTHERS: ReadonlySet<string> = new Set([
  ...["admin", "behaviour", "bridge", "broker", "cli", "cluster", "connection", "embedding", "hooks", "metrics"],
  ...["persistence", "plugins", "routing", "session", "topics"],
]);
