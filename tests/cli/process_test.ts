import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { withFiles } from "./support.ts";

const CLI = fromFileUrl(new URL("../../cli.ts", import.meta.url));

function command(args: readonly string[], stdin: "null" | "piped" = "null"): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", CLI, ...args],
    stdin,
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  });
}

async function output(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await command(args).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** The first line of a stream; the rest is left to be read. */
async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
  }
  await reader.cancel();
  return text.split("\n")[0] ?? "";
}

Deno.test("the program prints its version", async () => {
  const { code, stdout } = await output(["--version"]);
  assertEquals(code, 0);
  assert(/^\d+\.\d+\.\d+\n$/.test(stdout), stdout);
});

Deno.test("the program refuses a faulty config with exit code 2", async () => {
  await withFiles({ "b.yaml": "listeners:\n  a: {bind: 70000}\n" }, async (folder) => {
    const { code, stderr } = await output([`${folder}/b.yaml`]);
    assertEquals(code, 2);
    assertEquals(stderr, `${folder}/b.yaml:2:13: listeners.a.bind: port must be 0 to 65535: got 70000\n`);
  });
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test({
    name: `the program serves until ${signal} and then ends with exit code 0`,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      await withFiles({ "b.yaml": "listeners:\n  a: {bind: 127.0.0.1:0}\n" }, async (folder) => {
        const child = command([`${folder}/b.yaml`]).spawn();
        const line = await firstLine(child.stdout);
        const log = new Response(child.stderr).text();
        const port = /^mqtt:\/\/127\.0\.0\.1:(\d+) \(a\)$/.exec(line)?.[1];
        if (port !== undefined) {
          (await Deno.connect({ hostname: "127.0.0.1", port: Number(port) })).close();
          child.kill(signal);
        }
        const { code } = await child.status;
        assert(port !== undefined, `${line}\n${await log}`);
        assertEquals(code, 0, await log);
      });
    },
  });
}

Deno.test("the program tells in one line that a port is in use, with exit code 1", async () => {
  using holder = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = holder.addr;
  await withFiles({ "b.yaml": `listeners:\n  a: {bind: "127.0.0.1:${port}"}\n` }, async (folder) => {
    const { code, stderr } = await output([`${folder}/b.yaml`]);
    assertEquals(code, 1, stderr);
    assertStringIncludes(stderr.trimEnd().split("\n").at(-1) ?? "", `127.0.0.1:${port}`);
  });
});

Deno.test("the program adds a user from standard input", async () => {
  await withFiles({}, async (folder) => {
    const child = command(["passwd", `${folder}/users`, "alice"], "piped").spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode("secret\n"));
    await writer.close();
    const { code, stdout, stderr } = await child.output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    assertEquals(new TextDecoder().decode(stdout), `${folder}/users: added alice\n`);
    const line = await Deno.readTextFile(`${folder}/users`);
    assert(line.startsWith("alice:$argon2id$") && !line.includes("secret"), line);
  });
});

Deno.test("a log reader that stands still does not stop the program", async () => {
  const config = "listeners:\n  a: {bind: 127.0.0.1:0}\nauth: {plugins: []}\n";
  await withFiles({ "b.yaml": config }, async (folder) => {
    // Nobody reads standard error until the end.
    const child = command(["-v", `${folder}/b.yaml`]).spawn();
    const port = Number(/:(\d+) /.exec(await firstLine(child.stdout))?.[1]);
    // Each names a client of 65 kB, which is cut, and says why it is refused: more than a pipe holds.
    for (let index = 0; index < 600; index++) {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port });
      const name = new Uint8Array(60_000).fill(0x61);
      const head = [0x10, 0, 0, 0, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 60, name.length >> 8, name.length & 255];
      const length = 12 + name.length;
      head.splice(1, 3, length & 127 | 128, length >> 7 & 127 | 128, length >> 14);
      await connection.write(new Uint8Array([...head, ...name]));
      const answer = new Uint8Array(4);
      assertEquals([await connection.read(answer), answer[3]], [4, 5], `connection ${index}`);
    }
    child.kill("SIGTERM");
    const [log, { code }] = await Promise.all([new Response(child.stderr).text(), child.status]);
    assertEquals(code, 0);
    assert(log.length > 65_536, `${log.length} characters were logged: too few to fill a pipe`);
  });
});

Deno.test("without the permission that threads need, a password file of crypt(3) ends the start with an error that names it", async () => {
  const user =
    "alice:$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1\n";
  const config = 'listeners: {a: {bind: "127.0.0.1:0"}}\nauth: {password-file: users}\n';
  await withFiles({ "b.yaml": config, users: user }, async (folder) => {
    // A check ends, whatever it finds.
    for (const flags of [["--check"], []]) {
      const allowed = ["--no-prompt", "--allow-net=127.0.0.1:0", `--allow-read=${folder}`];
      const args = ["run", ...allowed, "--quiet", CLI, ...flags, `${folder}/b.yaml`];
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
      assertEquals([code, stdout.length], [2, 0]);
      const text = new TextDecoder().decode(stderr);
      assertStringIncludes(
        text,
        'b.yaml:2:7: auth: cannot load plugin "auth.file": users with hashes of crypt(3) cannot',
      );
      assertStringIncludes(text, "run again with the --allow-read flag");
    }
  });
});

Deno.test("the program prints the link of its admin listener once, and it signs in", async () => {
  const config = "listeners:\n  a: {bind: 127.0.0.1:0}\nadmin: {bind: 127.0.0.1:0}\n";
  await withFiles({ "b.yaml": config }, async (folder) => {
    const child = command([`${folder}/b.yaml`]).spawn();
    const log = new Response(child.stderr).text();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!/^admin: .*\n/m.test(text)) text += (await reader.read()).value ?? "\nadmin: it ended\n";
    const link = new URL(/^admin: (.*)$/m.exec(text)![1]!);
    const answer = await fetch(`${link.origin}/api/v1/sign-in/link`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-csrf-token": "none yet" },
      body: JSON.stringify({ token: link.hash.slice("#token=".length) }),
    });
    assertEquals((await answer.json()).role, "admin");
    child.kill("SIGTERM");
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
    assertEquals((await child.status).code, 0, await log);
    assertEquals(text.match(/#token=/g)?.length, 1);
    assert(!(await log).includes(link.hash));
  });
});
