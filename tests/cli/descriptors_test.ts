/** The program at the limit of its file descriptors. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { patiently } from "../support/patience.ts";
import { RawClient } from "../support/raw_client.ts";
import { withFiles } from "./support.ts";

const CLI = fromFileUrl(new URL("../../cli.ts", import.meta.url));
/** As crypt(3) makes it, of "Hello world!". */
const USER =
  "alice:$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1\n";
const CONFIG = `
listeners:
  a: { bind: "127.0.0.1:0" }
auth: { plugins: [auth.file], password-file: users }
persistence: { type: sqlite, path: b.sqlite }
sys-interval: 0
`;

Deno.test({
  name: "with 256 file descriptors and 500 connections the first crypt user signs in, is stored and served",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await withFiles({ "b.yaml": CONFIG, users: USER }, async (folder) => {
      const script = 'ulimit -n 256; exec "$0" run -A --quiet "$@"';
      const args = ["-c", script, Deno.execPath(), CLI, `${folder}/b.yaml`];
      const child = new Deno.Command("sh", { args, stdout: "piped", stderr: "piped" }).spawn();
      const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      const log = watch(child.stderr);
      const connections: Deno.TcpConn[] = [];
      try {
        const port = Number(/:(\d+) /.exec((await lines.read()).value ?? "")?.[1]);
        const connect = async () => connections.push(await Deno.connect({ hostname: "127.0.0.1", port }));
        for (let count = 0; count < 500; count++) await connect();
        await patiently("accepting to stop", log.until("file descriptors are in use"));
        const client = new RawClient(connections[0]!);
        const credentials = { username: "alice", password: "Hello world!" };
        const { reasonCode } = await client.connect({ clientIdentifier: "a", clean: false, ...credentials });
        assertEquals(reasonCode as number, 0);
        assertEquals(await client.subscribe("t", 1), [1]);
        await client.publish("t", "stored", { qos: 1 });
        await client.takeMessage({ payload: "stored" });
        // Whoever waits is accepted as soon as others go.
        for (const connection of connections.splice(1, 400)) connection.close();
        const last = new RawClient(connections.at(-1)!);
        assertEquals((await last.connect({ clientIdentifier: "b", ...credentials })).reasonCode as number, 0);
      } finally {
        for (const connection of connections) closeQuietly(connection);
        child.kill("SIGTERM");
        const { code } = await child.status;
        await lines.cancel();
        assert(code === 0, await log.ended);
      }
    });
  },
});

function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It ended before.
  }
}

/** Reads a stream to its end, and tells when it says something. */
function watch(stream: ReadableStream<Uint8Array>) {
  let text = "";
  let look = () => {};
  const read = async () => {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      look();
    }
    return text;
  };
  const until = (words: string) =>
    new Promise<void>((resolve) => {
      look = () => text.includes(words) && resolve();
      look();
    });
  return { ended: read(), until };
}
