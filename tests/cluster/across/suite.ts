/** Runs files of the behaviour suite a second time, with their clients at two nodes of a cluster over a NATS server. */
import { assert, assertEquals } from "@std/assert";
import { natsInstalled, NatsServers } from "../../log/nats_servers.ts";
import { patiently } from "../../support/patience.ts";
import { started } from "../../support/test_broker.ts";
import { firstHere, isAmong, leftOut } from "./exceptions.ts";
import { PairBroker } from "./pair_broker.ts";

/** One that takes longer hangs. */
const LONGEST_TEST_MS = 120_000;

/** Registers the tests of these files, but those that are left out: they are counted as ignored, with the reason. */
export async function runAcross(...files: string[]): Promise<void> {
  let servers: NatsServers | undefined;
  let here = false;
  let pairs = 0;
  Deno.test.beforeAll(async () => {
    if (natsInstalled) servers = await NatsServers.start(1);
  });
  Deno.test.afterAll(() => servers?.[Symbol.asyncDispose]());
  started.make = (config, machine) => {
    pairs++;
    const log = { type: "nats", servers: servers!.addresses.map((one) => `nats://${one}`), replicas: 1 } as const;
    return new PairBroker(config, { log, here, machine });
  };
  for (const file of files) {
    const titles: string[] = [];
    await registering(({ name, fn, ...definition }) => {
      titles.push(name);
      const out = leftOut.find((out) => out.file === file && isAmong(name, out.titles));
      const label = `two nodes: ${file}: ${name}`;
      if (out !== undefined) return Deno.test({ name: `${label} (left out: ${out.reason})`, ignore: true, fn() {} });
      const run = async (context: Deno.TestContext) => {
        here = isAmong(name, firstHere[file]);
        pairs = 0;
        await patiently(name, (async () => await fn(context))(), LONGEST_TEST_MS);
        assert(pairs > 0, "the test has started no broker by startBroker(): there were no two nodes");
      };
      Deno.test({ ...definition, name: label, ignore: definition.ignore || !natsInstalled, fn: run });
    }, () => import(`../../behaviour/${file}_test.ts`));
    Deno.test(`two nodes: ${file}: every exception is about a test that is there`, () => {
      const exceptions = [
        firstHere[file] ?? [],
        ...leftOut.filter((out) => out.file === file).map((out) => out.titles),
      ];
      assertEquals(exceptions.flat().filter((one) => !titles.some((title) => title.startsWith(one))), []);
    });
  }
}

/** Calls `register` instead of `Deno.test` while a module is loaded. */
async function registering(
  register: (definition: Deno.TestDefinition) => void,
  load: () => Promise<unknown>,
): Promise<void> {
  const { test } = Deno;
  const definitions: Deno.TestDefinition[] = [];
  const stand = (...args: readonly unknown[]) => void definitions.push(definitionOf(args));
  Object.defineProperty(Deno, "test", { value: stand, configurable: true, writable: true });
  try {
    await load();
  } finally {
    Object.defineProperty(Deno, "test", { value: test, configurable: true, writable: true });
  }
  definitions.forEach(register);
}

/** What `Deno.test` was called with, in one form. */
function definitionOf([first, second, third]: readonly unknown[]): Deno.TestDefinition {
  if (typeof first !== "string") return first as Deno.TestDefinition;
  if (typeof second === "function") return { name: first, fn: second as Deno.TestDefinition["fn"] };
  return { ...second as Partial<Deno.TestDefinition>, name: first, fn: third as Deno.TestDefinition["fn"] };
}
