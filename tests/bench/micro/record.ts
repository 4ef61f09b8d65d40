/**
 * Turns the figures of `deno bench --json` into the table that later changes are held against.
 *
 *     deno bench -A --json tests/bench/micro/ | deno run -A tests/bench/micro/record.ts > tests/bench/micro/figures.md
 */
import { describe, thisMachine } from "../machine.ts";
import { PACKETS } from "./frames.ts";

interface Report {
  readonly benches: readonly {
    readonly name: string;
    readonly results: readonly { readonly ok?: { readonly min: number; readonly avg: number; readonly p75: number } }[];
  }[];
}

const report: Report = await new Response(Deno.stdin.readable).json();
const perOperation = (nanoseconds: number) => (nanoseconds / PACKETS).toFixed(0);
const lines = report.benches.map(({ name, results }) => {
  const ok = results[0]?.ok;
  if (ok === undefined) throw new Error(`${name} has failed and has no figures`);
  return `| ${name.replace(/ ?\b1000( ×)?/, "")} | ${perOperation(ok.min)} | ${perOperation(ok.avg)} | ${
    perOperation(ok.p75)
  } |`;
});
console.log(`# Micro benchmarks

${new Date().toISOString().slice(0, 10)}; ${describe(await thisMachine())}. Nanoseconds for one packet, name or message.
The smallest is the least disturbed.

| benchmark | min | avg | p75 |
| --- | --: | --: | --: |
${lines.join("\n")}`);
