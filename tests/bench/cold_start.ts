/**
 * How long a process that knows nothing yet takes to import a broker, and until its first client has CONNACK; ours and
 * aedes in turn. Prints a line of JSON for each run.
 *
 * ```
 * deno task bench:cold [--runs 5]
 * ```
 */
import { assert } from "@std/assert";
import { fromFileUrl } from "@std/path";

const WORK = {
  ours: `
    const { Broker } = await import("${new URL("../../mod.ts", import.meta.url)}");
    imported();
    const broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } } });
    await broker.start();
    await connect(broker.addresses.tcp.port);`,
  aedes: `
    const { Aedes } = await import("aedes");
    const { createServer } = await import("node:net");
    imported();
    const server = createServer((await Aedes.createBroker()).handle);
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    await connect(server.address().port);`,
};

/** CONNECT of MQTT 3.1.1: clean session, keep-alive 60 s, client identifier "a". */
const CONNECT = [0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 60, 0, 1, 0x61];

function programFor(work: string): string {
  return `
    const start = performance.now();
    let importMs = 0;
    const imported = () => importMs = performance.now() - start;
    async function connect(port) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      await connection.write(new Uint8Array(${JSON.stringify(CONNECT)}));
      const answer = new Uint8Array(4);
      await connection.read(answer);
      if (answer.join() !== "32,2,0,0") throw new Error("no CONNACK: " + answer);
    }
    ${work}
    console.log(JSON.stringify({ importMs, connackMs: performance.now() - start }));
    Deno.exit(0);`;
}

async function measure(broker: keyof typeof WORK): Promise<void> {
  const file = await Deno.makeTempFile({ dir: fromFileUrl(new URL(".", import.meta.url)), suffix: ".js" });
  try {
    await Deno.writeTextFile(file, programFor(WORK[broker]));
    const startMs = performance.now();
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: ["run", "-A", file] }).output();
    const processMs = performance.now() - startMs;
    assert(success, new TextDecoder().decode(stderr));
    const { importMs, connackMs } = JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
    const rounded = [importMs, connackMs, processMs].map((ms: number) => Math.round(ms));
    console.log(JSON.stringify({ broker, importMs: rounded[0], connackMs: rounded[1], processMs: rounded[2] }));
  } finally {
    await Deno.remove(file);
  }
}

const at = Deno.args.indexOf("--runs");
const runs = at < 0 ? 5 : Number(Deno.args[at + 1]);
assert(Number.isInteger(runs) && runs > 0, `--runs must be a whole number above 0: got ${Deno.args[at + 1]}`);
for (let run = 0; run < runs; run++) for (const broker of ["ours", "aedes"] as const) await measure(broker);
