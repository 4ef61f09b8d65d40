/** Runs each program of the cookbook, but for those for Node, which need the package: `.ci/npm.ts`. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Buffer } from "node:buffer";
import { connect } from "node:tls";
import { makeAuthority } from "../tests/support/certificates.ts";
import { deno, Program, root, roundTrip } from "./program.ts";

const folder = "examples/cookbook";

/** What the programs write that end by themselves. */
const written: Readonly<Record<string, string>> = {
  "tenants.ts": `bob and cy: [ "lamp on", "lamp off" ]
the program: tenants/acme/lamp
acme { name: "ann", role: "admin" }
acme { name: "bob", role: "guest" }
other { name: "cy", role: "admin" }
`,
  "rules.ts": `call 1: {"topic":"alarms/cellar","text":"water"}
call 2: {"topic":"alarms/cellar","text":"water"}
call 3: {"topic":"alarms/cellar","text":"water"}
0 alarms wait
`,
  "rpc.ts": "HELLO\n3\n",
  "unix_socket.ts": "hello: over a unix socket\n",
};

/** Programs that run until they are told to end. */
const served: Readonly<Record<string, (scratch: string) => Promise<void>>> = {
  "hono.ts": async () => {
    await using program = new Program([...deno, `${folder}/hono.ts`, "0"]);
    const url = await program.waitFor(/^http:\/\/\S+/);
    assertMatch(await (await fetch(url)).text(), /^0 clients are connected\.\n$/);
    const response = await fetch(`${url}topics/home/door`, { method: "PUT", body: "open" });
    assertEquals(await response.json(), { subscribers: 0 });
    await roundTrip(`${url.replace("http:", "ws:")}mqtt`, "a", 1);
    await endsWell(program, "SIGTERM");
  },
  "tls_reload.ts": async (scratch) => {
    const write = async (commonName: string) => {
      const { certificate, key } = makeAuthority().issue({ commonName, sans: ["IP:127.0.0.1"] });
      await Deno.writeTextFile(`${scratch}/server.pem`, certificate);
      await Deno.writeTextFile(`${scratch}/server.key`, key);
    };
    await write("first");
    const files = [`${scratch}/server.pem`, `${scratch}/server.key`];
    await using program = new Program([...deno, `${folder}/tls_reload.ts`, ...files, "127.0.0.1:0"]);
    const url = await program.waitFor(/^mqtts:\/\/\S+/);
    assertEquals(await commonNameAt(url), "first");
    await write("second");
    program.signal("SIGHUP");
    await program.waitFor(/^read again: \[ "tls" \]$/);
    assertEquals(await commonNameAt(url), "second");
    await roundTrip(url, "a", 1, { rejectUnauthorized: false });
    await endsWell(program, "SIGTERM");
  },
  "graceful_shutdown.ts": async (scratch) => {
    await using program = new Program([
      ...deno,
      `${folder}/graceful_shutdown.ts`,
      "127.0.0.1:0",
      `${scratch}/broker.sqlite`,
    ]);
    await roundTrip(await program.waitFor(/^mqtt:\/\/\S+/), "a/b", 1);
    await program.waitFor(/^a\/b$/);
    program.signal("SIGINT");
    await program.waitFor(/^closed$/);
    assertEquals(await program.code(), 0);
  },
  "compiled.ts": async (scratch) => {
    const config = `${scratch}/broker.yaml`;
    await Deno.writeTextFile(config, "listeners: { mqtt: { bind: 127.0.0.1:0 } }\nauth: { allow-anonymous: true }\n");
    await greets([...deno, `${folder}/compiled.ts`, config]);
    const binary = `${scratch}/my-broker`;
    const args = ["compile", "-A", "--output", binary, `${folder}/compiled.ts`];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: root }).output();
    const text = new TextDecoder().decode(stderr);
    if (success) return await greets([binary, config]);
    // The runtime to be embedded comes from Deno's own server.
    assertMatch(text, /dns error|error sending request|tcp connect error|404 Not Found/i);
    console.log("skipped: one binary of compiled.ts, since Deno's runtime cannot be downloaded here");
  },
};

async function greets(command: readonly string[]): Promise<void> {
  await using program = new Program(command);
  await roundTrip(await program.waitFor(/^mqtt:\/\/\S+/), "greetings/x", 1);
  await endsWell(program, "SIGTERM");
}

async function endsWell(program: Program, signal: Deno.Signal): Promise<void> {
  program.signal(signal);
  assertEquals(await program.code(), 0);
}

/** Whom the server's certificate names. */
function commonNameAt(url: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
    const { CN } = socket.getPeerCertificate().subject;
    socket.end(Buffer.from([0xe0, 0]));
    resolve(String(CN));
  });
  socket.on("error", reject);
  return promise;
}

async function output(args: readonly string[]): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), { args: [...args], cwd: root, env: { NO_COLOR: "1" } });
  const { success, stdout, stderr } = await command.output();
  assert(success, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Tries all of them, and that none is left out. */
export async function cookbook(): Promise<void> {
  const tried = [
    ...Object.keys(written),
    ...Object.keys(served),
    "lamp.ts",
    "lamp_test.ts",
    "store.ts",
    "store_test.ts",
  ];
  const there: string[] = [];
  for await (const { name } of Deno.readDir(`${root}${folder}`)) if (name.endsWith(".ts")) there.push(name);
  assertEquals(there.sort(), tried.sort());
  for (const [name, text] of Object.entries(written)) {
    assertEquals(await output(["run", "-A", `${folder}/${name}`]), text, name);
    console.log(`${name}: as expected`);
  }
  for (const [name, attempt] of Object.entries(served)) {
    const scratch = await Deno.makeTempDir();
    try {
      await attempt(scratch);
    } finally {
      await Deno.remove(scratch, { recursive: true });
    }
    console.log(`${name}: as expected`);
  }
  console.log(await output(["test", "-A", `${folder}/`]));
}
