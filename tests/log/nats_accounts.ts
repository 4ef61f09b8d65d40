/** Accounts of NATS as an operator makes them: JWTs that are signed with nkeys. */
import { nkeys } from "@nats-io/transport-node";

type Keys = ReturnType<typeof nkeys.createUser>;

const encoder = new TextEncoder();
const unlimited = { subs: -1, data: -1, payload: -1 };
const accountLimits = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
const streamLimits = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

/** Lines of a server's config with an account that has JetStream, and what `.creds` of a user of it hold. */
export function makeAccount(): { readonly lines: string; readonly credentials: string } {
  const [operator, account, system] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createAccount()];
  const user = nkeys.createUser();
  const accountToken = token(operator, account, { type: "account", limits: { ...accountLimits, ...streamLimits } });
  const systemToken = token(operator, system, { type: "account", limits: accountLimits });
  const lines = [
    `operator: ${token(operator, operator, { type: "operator" })}`,
    `system_account: ${system.getPublicKey()}`,
    "resolver: MEMORY",
    `resolver_preload: { ${account.getPublicKey()}: ${accountToken}, ${system.getPublicKey()}: ${systemToken} }`,
    "",
  ].join("\n");
  const userToken = token(account, user, { type: "user", ...unlimited });
  const seed = new TextDecoder().decode(user.getSeed());
  const block = (name: string, text: string) => `-----BEGIN ${name}-----\n${text}\n------END ${name}------\n`;
  return { lines, credentials: `${block("NATS USER JWT", userToken)}\n${block("USER NKEY SEED", seed)}` };
}

function token(issuer: Keys, subject: Keys, nats: object): string {
  const claims = {
    jti: crypto.randomUUID(),
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    name: "test",
    sub: subject.getPublicKey(),
    nats: { ...nats, version: 2 },
  };
  const body = [{ typ: "JWT", alg: "ed25519-nkey" }, claims].map((part) => encode(encoder.encode(JSON.stringify(part))))
    .join(".");
  return `${body}.${encode(issuer.sign(encoder.encode(body)))}`;
}

function encode(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
