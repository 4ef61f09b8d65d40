/** Signing in at real NATS servers, and TLS to them. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { openLog } from "../../src/cluster/open_log.ts";
import type { NatsAccess } from "../../src/log/access.ts";
import { openNatsLog } from "../../src/log/nats_log.ts";
import { resolved } from "../config/support.ts";
import { type Authority, makeAuthority, writeServerCertificate } from "../support/certificates.ts";
import { patiently } from "../support/patience.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { CollectingLogger } from "../support/test_broker.ts";
import { makeAccount } from "./nats_accounts.ts";
import { natsInstalled, NatsServers } from "./nats_servers.ts";
import { retryPause } from "../support/ports.ts";

const ignore = !natsInstalled;

/** A server, and a folder for the files of who signs in. */
async function start(options: { more?: readonly string[]; lines?: string } = {}, scheme = "nats") {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const servers = stack.use(await NatsServers.start(1, options));
  const own = stack.move();
  const logger = new CollectingLogger();
  const addresses = servers.addresses.map((address) => `${scheme}://${address}`);
  return {
    servers,
    logger,
    open: (access: NatsAccess) => openNatsLog({ servers: addresses, access, cluster: "x", replicas: 1, logger }),
    /** Writes a file and gives its path. */
    file: async (name: string, text: string) => {
      const path = `${folder.path}/${name}`;
      await Deno.writeTextFile(path, text);
      return path;
    },
    [Symbol.asyncDispose]: () => own.disposeAsync(),
  };
}

type Started = Awaited<ReturnType<typeof start>>;

/** The log is written to and read. */
async function works({ open }: Started, access: NatsAccess): Promise<void> {
  const log = await open(access);
  try {
    const end = await log.end();
    await log.append(Uint8Array.of(1));
    assertEquals(await log.end(), end + 1);
  } finally {
    await log.close();
  }
}

/** What is said of an access that does not do. */
async function refusal({ open }: Started, access: NatsAccess): Promise<string> {
  return (await assertRejects(() => open(access), Error)).message;
}

Deno.test({
  name: "NATS sign-in: a right password comes in, and a wrong one is told with its file",
  ignore,
  async fn() {
    await using started = await start({ more: ["--user", "node", "--pass", "right-one"] });
    const passwordFile = await started.file("password", "right-one\nnot read\n");
    await works(started, { username: "node", passwordFile });
    await works(started, { username: "node", password: "right-one" });
    const wrongFile = await started.file("wrong", "wrong-one\n");
    const wrong = await refusal(started, { username: "node", passwordFile: wrongFile });
    const refused = "log: the NATS servers refuse the sign-in (Authorization Violation): ";
    assertEquals(wrong, `${refused}look at user "node" and password-file "${wrongFile}"`);
    assertEquals(
      await refusal(started, { username: "node", password: "wrong-one" }),
      `${refused}look at user "node" and password`,
    );
    assertStringIncludes(await refusal(started, {}), `${refused}give cluster.log a username with a password-file`);
    const empty = await started.file("empty", "\n");
    assertEquals(
      await refusal(started, { username: "node", passwordFile: empty }),
      `log: password-file "${empty}" has nothing in its first line`,
    );
    assertStringIncludes(
      await refusal(started, { username: "node", passwordFile: `${empty}-not` }),
      `log: password-file "${empty}-not" cannot be read: `,
    );
  },
});

Deno.test({
  name: "NATS sign-in: a right token comes in, and a wrong one is told with its file",
  ignore,
  async fn() {
    await using started = await start({ more: ["--auth", "right-token"] });
    await works(started, { tokenFile: await started.file("token", "right-token\n") });
    const tokenFile = await started.file("wrong", "wrong-token");
    const text = await refusal(started, { tokenFile });
    assertStringIncludes(text, `(Authorization Violation): look at token-file "${tokenFile}"`);
    assert(!text.includes("wrong-token"), text);
  },
});

Deno.test({
  name: "NATS sign-in: credentials of the account come in; those of another, and what is none, are told with the file",
  ignore,
  async fn() {
    const { lines, credentials } = makeAccount();
    await using started = await start({ lines });
    await works(started, { credentialsFile: await started.file("node.creds", credentials) });
    const credentialsFile = await started.file("other.creds", makeAccount().credentials);
    assertStringIncludes(
      await refusal(started, { credentialsFile }),
      `(Authorization Violation): look at credentials-file "${credentialsFile}"`,
    );
    const cut = await started.file("cut.creds", credentials.slice(0, credentials.indexOf("USER NKEY SEED")));
    assertEquals(
      await refusal(started, { credentialsFile: cut }),
      `log: credentials-file "${cut}" must hold a user's JWT and nkey seed, as nsc writes them (.creds)`,
    );
  },
});

Deno.test({
  name: "NATS TLS: the server's authority has to be the right one, and a server may ask for a certificate of the node",
  ignore,
  async fn() {
    await using folder = await temporaryFolder();
    const authority = makeAuthority();
    const { certfile, keyfile } = await writeServerCertificate(folder.path, authority);
    const cafile = `${folder.path}/ca.pem`;
    await Deno.writeTextFile(cafile, authority.certificate);
    const server = ["--tls", "--tlscert", certfile, "--tlskey", keyfile, "--tlsverify", "--tlscacert", cafile];
    await using started = await start({ more: server }, "tls");
    const client = authority.issue({ commonName: "node-a", usage: "client" });
    const own = await started.file("node.pem", `${client.certificate}${client.key}`);
    await works(started, { tls: { cafile, certfile: own, keyfile: own } });
    const otherCa = await started.file("other-ca.pem", makeAuthority("Other").certificate);
    const text = await refusal(started, { tls: { cafile: otherCa, certfile: own, keyfile: own } });
    assertStringIncludes(text, "log: no TLS to the NATS servers (");
    assertStringIncludes(text, `look at cafile "${otherCa}"; look at certfile "${own}"`);
    const strange = makeAuthority("Other").issue({ commonName: "node-a", usage: "client" });
    const strangeFile = await started.file("strange.pem", `${strange.certificate}${strange.key}`);
    assertStringIncludes(
      await refusal(started, { tls: { cafile, certfile: strangeFile, keyfile: strangeFile } }),
      `look at cafile "${cafile}"; look at certfile "${strangeFile}"`,
    );
    assertStringIncludes(await refusal(started, { tls: { cafile } }), "; there is no certfile");
    assertStringIncludes(await refusal(started, { tls: {} }), "without cafile the authorities of the runtime hold");
    assertStringIncludes(
      await refusal(started, { tls: { cafile: `${own}-not` } }),
      `log: cafile "${own}-not" cannot be read: `,
    );
  },
});

Deno.test({
  name: "NATS TLS: a server without it gets no password of a node that was told to use it",
  ignore,
  async fn() {
    await using started = await start({ more: ["--user", "node", "--pass", "right-one"] }, "tls");
    assertEquals(
      await refusal(started, { username: "node", password: "right-one", tls: {} }),
      "log: no TLS to the NATS servers (server does not support 'tls'): without cafile the authorities of the runtime hold; " +
        "there is no certfile",
    );
  },
});

Deno.test({
  name: "NATS sign-in: what the config says is what the servers are told, and a refusal is not tried again",
  ignore,
  async fn() {
    await using started = await start({ more: ["--user", "node", "--pass", "right-one"] });
    const open = async (text: string) => {
      const path = await started.file("password", text);
      const servers = started.servers.addresses.map((address) => `nats://${address}`);
      const log = { servers, replicas: 1, username: "node", passwordFile: path };
      const { cluster } = resolved({ cluster: { name: "x", log } });
      const never = (): never => {
        throw new Error("nobody waits");
      };
      const time = { epoch: () => 0, after: never, ending: new AbortController().signal };
      return await openLog(cluster!, started.logger, time);
    };
    await (await open("right-one")).close();
    await assertRejects(() => open("wrong-one"), Error, "Authorization Violation");
  },
});

Deno.test({
  name: "NATS sign-in: a node that is refused later on tells it, goes on asking, and takes the file's new password",
  ignore,
  async fn() {
    const lines = (password: string) => `authorization { user: node, password: "${password}" }\n`;
    await using started = await start({ lines: lines("first-one") });
    const passwordFile = await started.file("password", "first-one");
    const log = await started.open({ username: "node", passwordFile });
    try {
      await log.append(Uint8Array.of(1));
      await started.servers.kill("s0");
      await started.servers.configure("s0", lines("second-one"));
      await started.servers.restart("s0");
      const told = await patiently("the refusal", started.logger.line(/^error/));
      assertStringIncludes(told, `look at user "node" and password-file "${passwordFile}"`);
      // A file that is away for a moment does not end the connection for good.
      await Deno.remove(passwordFile);
      await patiently("the missing file", started.logger.line(/^error.*cannot be read/));
      await started.file("password", "second-one");
      const answered = async (): Promise<void> => {
        await log.end().catch(() => retryPause().then(answered));
      };
      await patiently("the log", answered());
      assert(!started.logger.lines.some((line) => /first-one|second-one/.test(line)));
    } finally {
      await log.close();
    }
  },
});

Deno.test({
  name: "NATS TLS: a node whose certificate is refused later on goes on, tells it, and takes the file's new one",
  ignore,
  async fn() {
    await using folder = await temporaryFolder();
    const authority = makeAuthority();
    const { certfile, keyfile } = await writeServerCertificate(folder.path, authority);
    const [cafile, clientCa] = [`${folder.path}/ca.pem`, `${folder.path}/client-ca.pem`];
    const issue = async (issuer: Authority) => {
      await Deno.writeTextFile(clientCa, issuer.certificate);
      return issuer.issue({ commonName: "node-a", usage: "client" });
    };
    await Deno.writeTextFile(cafile, authority.certificate);
    const first = await issue(makeAuthority("First"));
    const lines = `tls { cert_file: "${certfile}", key_file: "${keyfile}", ca_file: "${clientCa}", verify: true }\n`;
    await using started = await start({ lines }, "tls");
    const own = await started.file("node.pem", `${first.certificate}${first.key}`);
    const log = await started.open({ tls: { cafile, certfile: own, keyfile: own } });
    try {
      await log.append(Uint8Array.of(1));
      await started.servers.kill("s0");
      const second = await issue(makeAuthority("Second"));
      await started.servers.restart("s0");
      const told = await patiently("the refusal", started.logger.line(/^error.*no TLS to the NATS servers/));
      assertStringIncludes(told, `look at certfile "${own}"`);
      await started.file("node.pem", `${second.certificate}${second.key}`);
      const answered = async (): Promise<void> => {
        await log.end().catch(() => retryPause().then(answered));
      };
      await patiently("the log", answered());
    } finally {
      await log.close();
    }
  },
});
