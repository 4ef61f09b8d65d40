/** Reads a page of metrics, strictly: what is not as OpenMetrics wants it is an error. */
import { assert, assertEquals, assertMatch } from "@std/assert";

/** A page, taken apart. */
export interface ReadPage {
  /** Type of each family, by name. */
  readonly types: ReadonlyMap<string, string>;
  /** By name and labels as they are written: `amqtt_sessions{state="offline"}`. */
  readonly samples: ReadonlyMap<string, number>;
}

const ENDINGS: Readonly<Record<string, readonly string[]>> = {
  counter: ["_total"],
  gauge: [""],
  unknown: [""],
  histogram: ["_bucket", "_sum", "_count"],
};

export function readPage(text: string): ReadPage {
  assert(text.endsWith("\n# EOF\n"), "the page must end with # EOF");
  const types = new Map<string, string>();
  const samples = new Map<string, number>();
  let family = "";
  for (const line of text.split("\n").slice(0, -2)) {
    const [, word, name, rest] = /^# (TYPE|UNIT|HELP) (\S+) (.+)$/.exec(line) ?? [];
    if (word === "TYPE") {
      assert(!types.has(name!), `two families ${name}`);
      types.set(family = name!, rest!);
    } else if (word !== undefined) {
      assertEquals(name, family, line);
      if (word === "UNIT") assert(name!.endsWith(`_${rest}`), line);
    } else readSample(line, family, types.get(family)!, samples);
  }
  return { types, samples };
}

function readSample(line: string, family: string, type: string, samples: Map<string, number>): void {
  assertMatch(
    line,
    /^[a-z_0-9]+(\{[a-z0-9_]+="([^"\\\n]|\\["\\n])*"(,[a-z0-9_]+="([^"\\\n]|\\["\\n])*")*\})? -?[\d.e+-]+$/,
  );
  const at = line.lastIndexOf(" ");
  const [key, value] = [line.slice(0, at), Number(line.slice(at + 1))];
  const name = key.replace(/\{.*/, "");
  assert(ENDINGS[type]!.some((ending) => name === family + ending), `${name} does not belong to ${type} ${family}`);
  assert(!samples.has(key), `two samples ${key}`);
  assert(Number.isFinite(value), line);
  samples.set(key, value);
}
