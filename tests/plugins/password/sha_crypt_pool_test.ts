import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { shaCrypt } from "../../../src/plugins/password/sha_crypt.ts";
import { ShaCryptPool } from "../../../src/plugins/password/sha_crypt_pool.ts";

const job = { algorithm: "sha512", password: new Uint8Array(4), salt: new Uint8Array(4), rounds: 1000 } as const;

Deno.test("the pool starts its threads once, and computes on them", async () => {
  let started = 0;
  const pool = new ShaCryptPool(2, () => void started++);
  await pool.start();
  await pool.start();
  assertEquals(started, 2);
  const digest = await shaCrypt(job);
  assertEquals(await Promise.all([job, job, job].map((it) => pool.compute(it))), [digest, digest, digest]);
  assertEquals(started, 2);
  pool.close();
});

Deno.test("a smaller pool finishes what it has begun", async () => {
  const pool = new ShaCryptPool(3, () => {});
  await pool.start();
  const computing = [pool.compute(job), pool.compute(job), pool.compute(job)];
  pool.resize(1);
  assertEquals(new Set(await Promise.all(computing)), new Set([await shaCrypt(job)]));
  pool.close();
});

Deno.test("a thread that must not be started rejects the digest, and the next one tries again", async () => {
  let full = true;
  const pool = new ShaCryptPool(1, () => {
    if (full) throw new Error("no descriptor is left");
  });
  await assertRejects(() => pool.start(), Error, "no descriptor is left");
  full = false;
  assertEquals(await pool.compute(job), await shaCrypt(job));
  pool.close();
});

Deno.test({
  name: "at the descriptor limit running threads compute on, and starting one is refused instead of ending the process",
  ignore: Deno.build.os === "windows",
  async fn() {
    const program = fromFileUrl(import.meta.resolve("./at_descriptor_limit.ts"));
    const command = new Deno.Command("sh", {
      args: ["-c", `ulimit -n 128 && exec "$0" run -A --no-check "$1"`, Deno.execPath(), program],
    });
    const { code, stdout, stderr } = await command.output();
    const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert(code === 0, text);
    assertStringIncludes(text, "running: 86 characters");
    assertStringIncludes(text, "new: cannot start a thread for password hashes: Too many open files");
  },
});
