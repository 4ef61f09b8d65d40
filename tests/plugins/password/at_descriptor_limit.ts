/** A program for a test: takes all file descriptors, then asks threads for hashes. */
import { probeDescriptors, ShaCryptPool } from "../../../src/plugins/password/sha_crypt_pool.ts";

const file = await Deno.makeTempFile();
const job = { algorithm: "sha512", password: new Uint8Array(4), salt: new Uint8Array(4), rounds: 1000 } as const;
const running = new ShaCryptPool(1, () => probeDescriptors(file));
await running.start();
const late = new ShaCryptPool(1, () => probeDescriptors(file));

const taken: Deno.FsFile[] = [];
try {
  while (true) taken.push(Deno.openSync(file));
} catch {
  // None is left.
}
console.log(`running: ${(await running.compute(job)).length} characters`);
console.log(`new: ${await late.start().catch((error) => error.message)}`);
for (const handle of taken) handle.close();
await Deno.remove(file);
running.close();
