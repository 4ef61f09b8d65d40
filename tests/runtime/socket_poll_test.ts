import { assert, assertEquals, assertRejects } from "@std/assert";
import { setImmediate } from "node:timers";
import { host, type HostTcpListener } from "../../src/runtime/host.ts";
import { connect, listen } from "../../src/runtime/node/sockets.ts";
import { SocketPoll, type SocketPollHost } from "../../src/runtime/socket_poll.ts";

type Place = { readonly hostname: string; readonly port: number };

/** A poll whose listener is what `change` makes of the runtime's. */
function pollWith(
  runtime: Pick<SocketPollHost, "listen" | "connect">,
  change: (listener: HostTcpListener) => HostTcpListener,
): SocketPoll {
  const changed = async (place: Place) => change(await runtime.listen(place));
  return new SocketPoll({
    permissions: host.permissions,
    connect: runtime.connect,
    listen: changed as SocketPollHost["listen"],
  });
}

for (const [name, runtime] of [["Deno", host], ["Node", { listen, connect }]] as const) {
  Deno.test({
    name: `looking at the sockets leaves no listener open, under ${name}`,
    sanitizeResources: true,
    async fn() {
      let port = 0;
      let accepted = 0;
      const poll = pollWith(runtime, (listener) => {
        port = listener.addr.port;
        return {
          addr: listener.addr,
          async accept() {
            const connection = await listener.accept();
            accepted++;
            return connection;
          },
          close: () => listener.close(),
        };
      });
      while (accepted === 0) await poll.look();
      // From now on they write and read.
      for (let i = 0; i < 3; i++) await poll.look();
      // It can be had once nobody listens on it.
      (await listen({ hostname: "127.0.0.1", port })).close();
      await poll.close();
      await poll.look();
      assertEquals(accepted, 1);
    },
  });

  Deno.test({
    name: `the end of looking at the sockets comes although nothing is ever accepted, under ${name}`,
    sanitizeResources: true,
    async fn() {
      const accepting = Promise.withResolvers<void>();
      const neverAccepted = Promise.withResolvers<never>();
      let port = 0;
      const poll = pollWith(runtime, (listener) => {
        port = listener.addr.port;
        return {
          addr: listener.addr,
          accept() {
            accepting.resolve();
            return neverAccepted.promise;
          },
          close() {
            listener.close();
            neverAccepted.reject(new Error("closed"));
          },
        };
      });
      await poll.look();
      await accepting.promise;
      assertEquals(await Promise.race([poll.close().then(() => "ended"), turns(10_000)]), "ended");
      const refused = await assertRejects(() => host.connect({ hostname: "127.0.0.1", port }));
      assert(refused instanceof host.errors.ConnectionRefused);
    },
  });
}

async function turns(count: number): Promise<string> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
  return `still open after ${count} turns`;
}
