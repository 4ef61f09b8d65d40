import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { createPrivateKey } from "node:crypto";
import { connect as connectNodeTls } from "node:tls";
import { ListenError } from "../../src/transport/listen_error.ts";
import { streamTransport } from "../../src/transport/stream.ts";
import { listenTcp } from "../../src/transport/tcp.ts";
import { listenTls } from "../../src/transport/tls/listener.ts";
import { loadTlsMaterial, type TlsSource } from "../../src/transport/tls/material.ts";
import type { Listener, Transport } from "../../src/transport/transport.ts";
import { type IssuedCertificate, makeAuthority } from "../support/certificates.ts";
import { element, sequence, utf8String } from "../support/der.ts";
import {
  connectTcp,
  connectTls,
  ended,
  nextOf,
  readBytes,
  RecordingLogger,
  TlsFolder,
  UNHURRIED_SECONDS,
} from "./support.ts";

const HERE = { hostname: "127.0.0.1", port: 0, handshakeTimeoutSeconds: UNHURRIED_SECONDS };
const DAY_MILLISECONDS = 86_400_000;

interface Fixture {
  readonly folder: TlsFolder;
  readonly logger: RecordingLogger;
  readonly listener: Listener;
  /** Connects and gives both ends. */
  connect(client?: IssuedCertificate): Promise<[ours: Transport, peers: Transport]>;
  /** Connects, and gives the common name of the server's certificate. */
  servedName(): Promise<string>;
  /** Connects, expects a refusal, and gives the line in the log. */
  refused(client?: IssuedCertificate): Promise<string>;
}

async function withListener(
  source: (folder: TlsFolder) => TlsSource,
  check: (fixture: Fixture) => Promise<void>,
  handshakeTimeoutSeconds = UNHURRIED_SECONDS,
): Promise<void> {
  await using folder = new TlsFolder();
  const logger = new RecordingLogger();
  const listener = await listenTls({ ...HERE, handshakeTimeoutSeconds, logger, tls: source(folder) });
  const transports = listener[Symbol.asyncIterator]();
  const connect = async (client?: IssuedCertificate): Promise<[Transport, Transport]> => {
    return await Promise.all([nextOf(transports), connectTls(listener, folder.authority, client)]);
  };
  const servedName = async () => {
    const [ours, name] = await Promise.all([nextOf(transports), commonNameOf(listener)]);
    ours.close();
    return name;
  };
  const refused = async (client?: IssuedCertificate) => {
    const count = logger.lines.length;
    const peer = await connectTls(listener, folder.authority, client).catch(() => undefined);
    if (peer) {
      await ended(peer);
      peer.close();
    }
    assertEquals(logger.lines.length, count + 1);
    return logger.lines[count]!;
  };
  try {
    await check({ folder, logger, listener, connect, servedName, refused });
  } finally {
    await listener.close();
  }
}

/** The first bytes that a TLS client says. */
async function clientHello(folder: TlsFolder): Promise<Uint8Array> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const options = { hostname: "localhost", port: listener.addr.port, caCerts: [folder.authority.certificate] };
  const client = Deno.connectTls(options);
  const connection = await listener.accept();
  const secured = await client;
  const shaken = secured.handshake().catch(() => {});
  const bytes = new Uint8Array(4096);
  const count = await connection.read(bytes) ?? 0;
  connection.close();
  await shaken;
  secured.close();
  return bytes.subarray(0, count);
}

/** Both ends work; they are closed. */
async function assertAlive([ours, peers]: [Transport, Transport]): Promise<void> {
  await peers.write(Uint8Array.of(1));
  assertEquals(await readBytes(ours, 1), Uint8Array.of(1));
  await ours.write(Uint8Array.of(2));
  assertEquals(await readBytes(peers, 1), Uint8Array.of(2));
  ours.close();
  await ended(peers);
  peers.close();
}

Deno.test("a TLS transport is secure, knows its peer, and has no certificate when none was asked for", async () => {
  await withListener((folder) => folder.source(), async ({ connect, folder }) => {
    const client = folder.authority.issue({ commonName: "client", usage: "client" });
    const [ours, peers] = await connect(client);
    assertEquals(ours.secure, true);
    assertEquals(ours.remote.hostname, "127.0.0.1");
    assertEquals(typeof ours.remote.port, "number");
    assertEquals(ours.certificate, undefined);
    await assertAlive([ours, peers]);
  });
});

Deno.test("small writes do not wait for the peer", async () => {
  await withListener((folder) => folder.source(), async ({ connect }) => {
    const [ours, peers] = await connect();
    for (let round = 0; round < 50; round++) {
      for (let write = 0; write < 3; write++) await ours.write(Uint8Array.of(round));
      await readBytes(peers, 3);
    }
    await assertAlive([ours, peers]);
  });
});

Deno.test("a required client certificate is verified and told", async () => {
  await withListener((folder) => folder.mutualSource("required"), async ({ connect, folder }) => {
    const sans = ["DNS:device-1", "URI:spiffe://x/device/1,DNS:admin", "email:a@b.example", "IP:10.1.2.3"];
    const client = folder.authority.issue({ commonName: 'device 1, CN="admin"', sans, usage: "client" });
    const [ours, peers] = await connect(client);
    assertEquals(ours.certificate, {
      subject: { CN: 'device 1, CN="admin"' },
      subjectAlternativeNames: sans,
      fingerprint: client.fingerprint,
    });
    await assertAlive([ours, peers]);
  });
});

Deno.test("a required client certificate may be in PEM text or in a folder of authorities, too", async () => {
  const text = (folder: TlsFolder) =>
    folder.source({ clientCertificate: "required", cadata: folder.authority.certificate });
  const path = (folder: TlsFolder) => {
    Deno.mkdirSync(`${folder.path}/authorities`);
    folder.write("authorities/other.pem", makeAuthority("Other").certificate);
    folder.write("authorities/ca.pem", folder.authority.certificate);
    folder.write("authorities/README", "not a certificate");
    return folder.source({ clientCertificate: "required", capath: `${folder.path}/authorities` });
  };
  for (const source of [text, path]) {
    await withListener(source, async ({ connect, refused, folder }) => {
      await assertAlive(await connect(folder.authority.issue({ commonName: "client", usage: "client" })));
      await refused(makeAuthority("Third").issue({ commonName: "client", usage: "client" }));
    });
  }
});

Deno.test("a required client certificate must be there", async () => {
  await withListener((folder) => folder.mutualSource("required"), async ({ refused, connect, folder }) => {
    assertMatch(await refused(), /^debug Refused 127\.0\.0\.1:\d+ in the TLS handshake: /);
    await assertAlive(await connect(folder.authority.issue({ commonName: "client", usage: "client" })));
  });
});

Deno.test("an optional client certificate may be absent", async () => {
  await withListener((folder) => folder.mutualSource("optional"), async ({ connect, folder }) => {
    const [ours, peers] = await connect();
    assertEquals(ours.certificate, undefined);
    await assertAlive([ours, peers]);
    const [known, knownPeer] = await connect(folder.authority.issue({ commonName: "client", usage: "client" }));
    assertEquals(known.certificate?.subject, { CN: "client" });
    await assertAlive([known, knownPeer]);
  });
});

for (const mode of ["optional", "required"] as const) {
  Deno.test(`with ${mode} client certificates one that is not vouched for is refused`, async () => {
    await withListener((folder) => folder.mutualSource(mode), async ({ refused, folder }) => {
      const stranger = makeAuthority("Test Authority");
      const past = { notBefore: daysFromNow(-9), notAfter: daysFromNow(-1) };
      const future = { notBefore: daysFromNow(1), notAfter: daysFromNow(9) };
      await refused(stranger.issue({ commonName: "client", usage: "client" }));
      await refused(stranger);
      await refused(folder.authority.issue({ commonName: "client", usage: "client", ...past }));
      await refused(folder.authority.issue({ commonName: "client", usage: "client", ...future }));
      await refused(folder.authority.issue({ commonName: "client", usage: "server" }));
    });
  });

  Deno.test(`with ${mode} client certificates a revoked one is refused`, async () => {
    const revoked: IssuedCertificate[] = [];
    const source = (folder: TlsFolder) => {
      revoked.push(folder.authority.issue({ commonName: "lost", usage: "client" }));
      const crlfile = folder.write("crl.pem", folder.authority.revocationList(revoked));
      return folder.mutualSource(mode, { crlfile });
    };
    await withListener(source, async ({ connect, refused, folder, listener }) => {
      assertStringIncludes(await refused(revoked[0]!), "the certificate of CN=lost was revoked");
      const client = folder.authority.issue({ commonName: "client", usage: "client" });
      await assertAlive(await connect(client));
      folder.write("crl.pem", folder.authority.revocationList([client]));
      await listener.reload();
      assertStringIncludes(await refused(client), "the certificate of CN=client was revoked");
      await assertAlive(await connect(revoked[0]!));
    });
  });
}

Deno.test("a revocation list that has run out, or of another issuer, vouches for nobody", async () => {
  const other = makeAuthority("Other");
  const source = (folder: TlsFolder) => {
    folder.write("ca.pem", folder.authority.certificate + other.certificate);
    const crlfile = folder.write("crl.pem", folder.authority.revocationList([], daysFromNow(-1)));
    return folder.mutualSource("required", { crlfile });
  };
  await withListener(source, async ({ refused, folder }) => {
    const client = folder.authority.issue({ commonName: "client", usage: "client" });
    assertStringIncludes(await refused(client), "the revocation list of the issuer of CN=client has run out");
    const unlisted = other.issue({ commonName: "unlisted", usage: "client" });
    assertStringIncludes(await refused(unlisted), "there is no revocation list of the issuer of CN=unlisted");
  });
});

Deno.test("reload takes a new certificate and drops nobody", async () => {
  await withListener((folder) => folder.source(), async ({ connect, servedName, folder, listener }) => {
    const before = await connect();
    const renewed = folder.issueServer("renewed");
    folder.writeServer(renewed);
    await listener.reload();
    assertEquals(await servedName(), "renewed");
    await assertAlive(await connect());
    await assertAlive(before);
  });
});

Deno.test("reload of a faulty certificate throws and keeps the old one", async () => {
  await withListener((folder) => folder.source(), async ({ connect, servedName, folder, listener }) => {
    folder.write("server.pem", folder.issueServer("renewed").certificate);
    const error = await assertRejects(() => listener.reload(), ListenError);
    assertStringIncludes(error.message, "the key does not belong to the certificate");
    assertEquals(await servedName(), "localhost");
    await assertAlive(await connect());
  });
});

const DH_PARAMETERS =
  "-----BEGIN DH PARAMETERS-----\nMIGHAoGBAP//////////yQ/aoiFowjTExmKLgNwc0SkCTgiKZ8x0Agu+pjsTmyJR\n-----END DH PARAMETERS-----\n";
const EC_PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";

const files: { title: string; source: (folder: TlsFolder) => TlsSource }[] = [
  {
    title: "key, chain and DH parameters in one file that both keys name",
    source: (folder) => {
      const { certificate, key } = folder.server;
      const one = folder.write("one.pem", `${key}${DH_PARAMETERS}${certificate}${folder.authority.certificate}`);
      return folder.source({ certfile: one, keyfile: one });
    },
  },
  {
    title: "the server's certificate behind its authority's",
    source: (folder) =>
      folder.source({ certfile: folder.write("x", `${folder.authority.certificate}${folder.server.certificate}`) }),
  },
  {
    title: "a certificate as openssl x509 -trustout writes it, with a name",
    source: (folder) => {
      const alias = sequence(utf8String("mine"));
      return folder.source({ certfile: folder.write("x", trusted(folder.server.certificate, alias)) });
    },
  },
  {
    title: "a key behind parameters, text and the key of something else",
    source: (folder) => {
      const { key } = folder.server;
      const other = encrypted(folder.authority.key, "another");
      return folder.source({ keyfile: folder.write("x", `Bag Attributes: ü\r\n${EC_PARAMETERS}${other}${key}`) });
    },
  },
  {
    title: "a key in SEC 1 form with its parameters, as openssl ecparam writes it",
    source: (folder) => {
      const sec1 = createPrivateKey(folder.server.key).export({ type: "sec1", format: "pem" });
      return folder.source({ keyfile: folder.write("x", `${EC_PARAMETERS}${sec1}`) });
    },
  },
  {
    title: "an encrypted key with keyfile-passphrase",
    source: (folder) => {
      const keyfile = folder.write("x", encrypted(folder.server.key, "ein Geheimnis"));
      return folder.source({ keyfile, keyfilePassphrase: "ein Geheimnis" });
    },
  },
  {
    title: "an encrypted key with keyfile-passphrase-file, whose line may end in any way",
    source: (folder) => {
      const keyfile = folder.write("x", encrypted(folder.server.key, "ein Geheimnis"));
      return folder.source({ keyfile, keyfilePassphraseFile: folder.write("phrase", "ein Geheimnis\r\n") });
    },
  },
  {
    title: "a passphrase that the key does not need",
    source: (folder) => folder.source({ keyfilePassphrase: "idle" }),
  },
];

for (const { title, source } of files) {
  Deno.test(`a TLS listener serves with ${title}`, async () => {
    await withListener(source, async ({ connect, servedName }) => {
      assertEquals(await servedName(), "localhost");
      await assertAlive(await connect());
    });
  });
}

Deno.test("refresh takes a new certificate and key once both are there, and drops nobody", async () => {
  await withListener((folder) => folder.source(), async ({ connect, servedName, folder, listener }) => {
    const before = await connect();
    assertEquals(await listener.refresh(), false);
    const renewed = folder.issueServer("renewed");
    folder.write("server.pem", renewed.certificate);
    // Half a renewal is no fault at the first look.
    assertEquals([await listener.refresh(), await servedName()], [false, "localhost"]);
    folder.write("server.key", renewed.key);
    assertEquals([await listener.refresh(), await servedName()], [true, "renewed"]);
    assertEquals(await listener.refresh(), false);
    await assertAlive(await connect());
    await assertAlive(before);
  });
});

Deno.test("refresh keeps the old certificate while the new one does not fit, and complains once", async () => {
  await withListener((folder) => folder.source(), async ({ servedName, folder, listener }) => {
    const renewed = folder.issueServer("renewed");
    folder.write("server.pem", renewed.certificate);
    assertEquals(await listener.refresh(), false);
    const error = await assertRejects(() => listener.refresh(), ListenError);
    assertStringIncludes(error.message, "the key does not belong to the certificate");
    assertEquals([await listener.refresh(), await servedName()], [false, "localhost"]);
    Deno.removeSync(`${folder.path}/server.key`);
    assertEquals(await listener.refresh(), false);
    await assertRejects(() => listener.refresh(), ListenError, "no such file");
    folder.write("server.key", renewed.key);
    assertEquals([await listener.refresh(), await servedName()], [true, "renewed"]);
  });
});

Deno.test("refresh follows symbolic links that come to point to other files", async () => {
  const source = (folder: TlsFolder) => {
    for (const [number, server] of [folder.server, folder.issueServer("renewed")].entries()) {
      folder.write(`cert${number}.pem`, server.certificate);
      folder.write(`privkey${number}.pem`, server.key);
    }
    pointTo(folder, 0);
    return folder.source({ certfile: `${folder.path}/cert.pem`, keyfile: `${folder.path}/privkey.pem` });
  };
  await withListener(source, async ({ servedName, folder, listener }) => {
    pointTo(folder, 1);
    assertEquals([await listener.refresh(), await servedName()], [true, "renewed"]);
    pointTo(folder, 0);
    assertEquals([await listener.refresh(), await servedName()], [true, "localhost"]);
  });
});

Deno.test("refresh takes other authorities and revocation lists, files of a folder too", async () => {
  const second = makeAuthority("Second");
  const source = (folder: TlsFolder) => {
    Deno.mkdirSync(`${folder.path}/authorities`);
    folder.write("authorities/ca.pem", folder.authority.certificate);
    const crlfile = folder.write("crl.pem", folder.authority.revocationList());
    return folder.source({ clientCertificate: "required", capath: `${folder.path}/authorities`, crlfile });
  };
  await withListener(source, async ({ connect, refused, folder, listener }) => {
    const [first, another] = [folder.authority, second].map((authority) =>
      authority.issue({ commonName: "client", usage: "client" })
    );
    await refused(another);
    folder.write("authorities/second.pem", second.certificate);
    folder.write("crl.pem", folder.authority.revocationList([first!]) + second.revocationList());
    assertEquals(await listener.refresh(), true);
    await assertAlive(await connect(another));
    assertStringIncludes(await refused(first), "was revoked");
  });
});

/** Sets the links as a renewal does. */
function pointTo({ path }: TlsFolder, number: number): void {
  for (const name of ["cert", "privkey"]) {
    Deno.symlinkSync(`${name}${number}.pem`, `${path}/${name}.new`);
    Deno.renameSync(`${path}/${name}.new`, `${path}/${name}.pem`);
  }
}

function encrypted(key: string, passphrase: string): string {
  return createPrivateKey(key).export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase }) as string;
}

Deno.test("a silent or half-hearted TLS handshake is cut at its timeout", async () => {
  await withListener((folder) => folder.source(), async ({ listener, logger, connect }) => {
    const silent = await connectTcp(listener);
    const half = await connectTcp(listener);
    await half.write(Uint8Array.of(22, 3, 1, 2, 0, 1));
    await Promise.all([ended(silent), ended(half)]);
    await logger.line(/^debug Refused .* in the TLS handshake: not done within 0\.5 s$/);
    silent.close();
    half.close();
    await assertAlive(await connect());
  }, 0.5);
});

Deno.test("a peer that goes away in the TLS handshake is closed at once, however it goes", async () => {
  await withListener((folder) => folder.source(), async ({ listener, logger, connect, folder }) => {
    const hello = await clientHello(folder);
    for (const sent of [new Uint8Array(0), Uint8Array.of(22, 3, 1), hello.subarray(0, 50), hello]) {
      const count = logger.lines.length;
      const peer = await Deno.connect({ hostname: "127.0.0.1", port: listener.address.port });
      if (sent.length > 0) await peer.write(sent);
      await peer.closeWrite();
      // The listener's timeout is far longer than the test may take.
      await ended(streamTransport(peer));
      assertMatch(logger.lines.slice(count).join(), /^debug Refused .* in the TLS handshake: the peer ended/);
      peer.close();
    }
    await assertAlive(await connect());
  });
});

Deno.test("a client may end its side with the last bytes of the TLS handshake, and is served what it said", async () => {
  await withListener((folder) => folder.source(), async ({ connect }) => {
    for (let round = 0; round < 20; round++) {
      const [ours, peers] = await connect();
      await peers.write(Uint8Array.of(7));
      await peers.closeWrite();
      assertEquals(await readBytes(ours, 1), Uint8Array.of(7));
      ours.close();
      peers.close();
    }
  });
});

Deno.test("what is not TLS, or breaks off, is closed and harms nobody", async () => {
  await withListener((folder) => folder.mutualSource("optional"), async ({ listener, connect }) => {
    const peers = await Promise.all(Array.from({ length: 50 }, () => connectTcp(listener)));
    await Promise.all(peers.map(async (peer, index) => {
      if (index % 3 === 0) return peer.close();
      await peer.write(crypto.getRandomValues(new Uint8Array(200)).fill(22, 0, index % 3));
      if (index % 5 === 0) return peer.close();
      await peer.closeWrite();
      await ended(peer);
      peer.close();
    }));
    await assertAlive(await connect());
  });
});

Deno.test("closing a TLS listener cuts handshakes and ends the iteration, and transports live on", async () => {
  await withListener((folder) => folder.source(), async ({ listener, connect }) => {
    const alive = await connect();
    const silent = await connectTcp(listener);
    const next = listener[Symbol.asyncIterator]().next();
    await listener.close();
    await listener.close();
    assertEquals((await next).done, true);
    await ended(silent);
    silent.close();
    await assertAlive(alive);
  });
});

Deno.test("a TLS listener names a port in use", async () => {
  await using folder = new TlsFolder();
  const logger = new RecordingLogger();
  const other = await listenTcp({ hostname: "127.0.0.1", port: 0, logger });
  const { port } = other.address;
  const error = await assertRejects(() => listenTls({ ...HERE, port, logger, tls: folder.source() }), ListenError);
  assertEquals(error.message, `Cannot listen on 127.0.0.1:${port}: the port is in use`);
  await other.close();
});

const faults: { title: string; source: (folder: TlsFolder) => TlsSource; message: RegExp }[] = [
  {
    title: "a certificate file that is not there",
    source: (folder) => folder.source({ certfile: `${folder.path}/none.pem` }),
    message: /^Cannot read certfile ".*\/none\.pem": no such file$/,
  },
  {
    title: "a key file that is not there",
    source: (folder) => folder.source({ keyfile: `${folder.path}/none.key` }),
    message: /^Cannot read keyfile ".*\/none\.key": no such file$/,
  },
  {
    title: "a certificate file that is a folder",
    source: (folder) => folder.source({ certfile: folder.path }),
    message: /^Cannot read certfile ".*": it is a folder, expected a file$/,
  },
  {
    title: "a certificate file without PEM",
    source: (folder) => folder.source({ certfile: folder.write("x", "hello") }),
    message: /^Cannot read certfile ".*\/x": there is no PEM certificate in it$/,
  },
  {
    title: "a malformed certificate",
    source: (folder) => folder.source({ certfile: folder.write("x", broken("CERTIFICATE")) }),
    message: /^Cannot read certfile ".*\/x": certificate 1 is malformed$/,
  },
  {
    title: "a key file without a key",
    source: (folder) => folder.source({ keyfile: `${folder.path}/server.pem` }),
    message: /^Cannot read keyfile ".*": there is no PEM private key in it$/,
  },
  {
    title: "a malformed key",
    source: (folder) => folder.source({ keyfile: folder.write("x", broken("PRIVATE KEY")) }),
    message: /^Cannot read keyfile ".*": the key is malformed$/,
  },
  {
    title: "an encrypted key",
    source: (folder) => folder.source({ keyfile: folder.write("x", broken("ENCRYPTED PRIVATE KEY")) }),
    message: /^Cannot read keyfile ".*": the key is encrypted: give keyfile-passphrase or keyfile-passphrase-file$/,
  },
  {
    title: "a wrong passphrase",
    source: (folder) =>
      folder.source({ keyfile: folder.write("x", encrypted(folder.server.key, "right")), keyfilePassphrase: "wrong" }),
    message: /^Cannot read keyfile ".*": the passphrase does not open the key$/,
  },
  {
    title: "a passphrase file that is not there",
    source: (folder) => folder.source({ keyfilePassphraseFile: `${folder.path}/none` }),
    message: /^Cannot read keyfile-passphrase-file ".*\/none": no such file$/,
  },
  {
    title: "an empty passphrase file",
    source: (folder) => folder.source({ keyfilePassphraseFile: folder.write("x", "\nsecret\n") }),
    message: /^Cannot read keyfile-passphrase-file ".*\/x": its first line is empty, expected the passphrase$/,
  },
  {
    title: "the key of another certificate",
    source: (folder) => folder.source({ keyfile: folder.write("x", folder.issueServer().key) }),
    message: /^Cannot read keyfile ".*": the key does not belong to the certificate in ".*server\.pem"$/,
  },
  {
    title: "client certificates without authorities",
    source: (folder) => folder.source({ clientCertificate: "required" }),
    message: /expected cafile, capath or cadata with client-certificate "required": got none$/,
  },
  {
    title: "an authority file without PEM",
    source: (folder) => folder.mutualSource("optional", { cafile: folder.write("x", "") }),
    message: /^Cannot read cafile ".*\/x": there is no PEM certificate in it$/,
  },
  {
    title: "an authority that OpenSSL would trust for some purposes only",
    source: (folder) => {
      const purposes = sequence(sequence(element(0x06, Uint8Array.of(0x2b, 6, 1, 5, 5, 7, 3, 1))));
      const cafile = folder.write("x", trusted(folder.authority.certificate, purposes));
      return folder.mutualSource("optional", { cafile });
    },
    message:
      /^Cannot read cafile ".*\/x": certificate 1 says what it is to be trusted for, .*: write it anew with openssl/,
  },
  {
    title: "authority text without PEM",
    source: (folder) => folder.mutualSource("optional", { cadata: "hello" }),
    message: /^Cannot read cadata: there is no PEM certificate in it$/,
  },
  {
    title: "an authority folder that is not there",
    source: (folder) => folder.mutualSource("optional", { capath: `${folder.path}/none` }),
    message: /^Cannot read capath ".*\/none": no such file$/,
  },
  {
    title: "an authority folder without certificates",
    source: (folder) => {
      Deno.mkdirSync(`${folder.path}/empty`);
      return folder.mutualSource("optional", { capath: `${folder.path}/empty` });
    },
    message: /^Cannot read capath ".*\/empty": there is no PEM certificate in it$/,
  },
  {
    title: "a revocation file without lists",
    source: (folder) => folder.mutualSource("optional", { crlfile: `${folder.path}/ca.pem` }),
    message: /^Cannot read crlfile ".*": there is no PEM revocation list in it$/,
  },
  {
    title: "a malformed revocation list",
    source: (folder) => folder.mutualSource("optional", { crlfile: folder.write("x", broken("X509 CRL")) }),
    message: /^Cannot read crlfile ".*": list 1: /,
  },
  {
    title: "a revocation list that somebody else signed",
    source: (folder) => {
      const crlfile = folder.write("x", makeAuthority("Test Authority").revocationList());
      return folder.mutualSource("optional", { crlfile });
    },
    message: /^Cannot read crlfile ".*": list 1: it was not signed by one of the authorities$/,
  },
];

for (const { title, source, message } of faults) {
  Deno.test(`TLS material names ${title}`, async () => {
    await using folder = new TlsFolder();
    const error = await assertRejects(() => loadTlsMaterial(source(folder)), ListenError);
    assertMatch(error.message, message);
  });
}

/** A certificate with what OpenSSL keeps beside it. */
function trusted(certificate: string, auxiliary: Uint8Array): string {
  const [bytes] = certificate.match(/(?<=BEGIN CERTIFICATE-----)[^-]+/)!;
  const all = Uint8Array.of(...Uint8Array.fromBase64(bytes.replace(/\s/g, "")), ...auxiliary);
  return `-----BEGIN TRUSTED CERTIFICATE-----\n${all.toBase64()}\n-----END TRUSTED CERTIFICATE-----\n`;
}

function broken(label: string): string {
  return `-----BEGIN ${label}-----\nMAMBAgM=\n-----END ${label}-----\n`;
}

function daysFromNow(days: number): Date {
  return new Date(Date.now() + days * DAY_MILLISECONDS);
}

function commonNameOf(listener: Listener): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectNodeTls({ host: "127.0.0.1", port: listener.address.port, rejectUnauthorized: false });
    socket.on("error", reject);
    socket.on("secureConnect", () => {
      const name = socket.getPeerCertificate().subject.CN;
      socket.on("close", () => resolve(`${name}`));
      socket.destroy();
    });
  });
}
