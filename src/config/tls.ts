import type { ResolvedTls } from "./config.ts";
import type { Draft, MergedValues } from "./listener_draft.ts";
import type { Report } from "./report.ts";

/** Keys that do nothing without TLS. */
const TLS_KEYS = [
  "certfile",
  "keyfile",
  "keyfilePassphrase",
  "keyfilePassphraseFile",
  "cafile",
  "capath",
  "cadata",
  "crlfile",
  "clientCertificate",
] as const;

/**
 * The TLS material of a listener; `undefined` without `ssl: on`. What {@linkcode checkTls} would report is not looked at.
 *
 * @param absolute makes a path absolute
 */
export function resolveTls(values: MergedValues, absolute: (path: string) => string): ResolvedTls | undefined {
  if (!values.ssl) return undefined;
  const { keyfilePassphrase, keyfilePassphraseFile, cafile, capath, cadata, crlfile } = values;
  return {
    certfile: absolute(values.certfile ?? ""),
    keyfile: absolute(values.keyfile ?? values.certfile ?? ""),
    ...(keyfilePassphrase !== undefined && { keyfilePassphrase }),
    ...(keyfilePassphraseFile !== undefined && { keyfilePassphraseFile: absolute(keyfilePassphraseFile) }),
    ...(cafile !== undefined && { cafile: absolute(cafile) }),
    ...(capath !== undefined && { capath: absolute(capath) }),
    ...(cadata !== undefined && { cadata }),
    ...(crlfile !== undefined && { crlfile: absolute(crlfile) }),
    clientCertificate: clientCertificate(values),
  };
}

/** Keys whose value is a path. */
const FILE_KEYS = ["certfile", "keyfile", "keyfilePassphraseFile", "cafile", "capath", "crlfile"] as const;

/** Reports the content of a file where its path belongs; a key must not get into the log, nor into an error. */
export function checkPaths({ own }: Draft, report: Report): void {
  for (const key of FILE_KEYS) {
    if (!/-----BEGIN|[\r\n]/.test(own.values[key] ?? "")) continue;
    const remedy = key === "cafile" ? ": give the text to cadata" : "";
    report.fault(own.pathOf(key), `must be the path of a file: got PEM text, which is not shown${remedy}`);
  }
}

function hasAuthority({ cafile, capath, cadata }: MergedValues): boolean {
  return cafile !== undefined || capath !== undefined || cadata !== undefined;
}

function clientCertificate(values: MergedValues): "off" | "optional" | "required" {
  return values.clientCertificate ?? (hasAuthority(values) ? "optional" : "off");
}

/** Reports TLS keys that do not go together, or have no effect. */
export function checkTls(draft: Draft, report: Report): void {
  const { own, merged } = draft;
  if (!merged.ssl || merged.type === "external") return checkWithoutTls(draft, report);
  if (merged.certfile === undefined) {
    const missing = merged.keyfile === undefined ? "certfile and no keyfile" : "certfile";
    report.fault(own.pathOf("ssl"), `needs certfile and keyfile: got no ${missing}`);
  }
  if (merged.keyfilePassphrase !== undefined && merged.keyfilePassphraseFile !== undefined) {
    const path = own.pathOf(own.values.keyfilePassphrase === undefined ? "keyfilePassphraseFile" : "keyfilePassphrase");
    report.fault(path, "keyfile-passphrase and keyfile-passphrase-file are two ways to say the same: give one of them");
  }
  const request = clientCertificate(merged);
  if (request !== "off" && !hasAuthority(merged)) {
    report.fault(own.pathOf("clientCertificate"), `${request} needs an authority: give cafile, capath or cadata`);
  }
  if (request !== "off") return;
  if (own.values.crlfile !== undefined && !draft.isTemplate) {
    report.warn(own.pathOf("crlfile"), "has no effect: no client certificate is asked for");
  }
  checkUsernameSource(draft, report);
}

/** Keys of `default` may be meant for others; keys of a listener's own cannot be. */
function checkWithoutTls(draft: Draft, report: Report): void {
  const { own, merged, isTemplate } = draft;
  if (isTemplate) return;
  const external = merged.type === "external";
  const reason = external ? "type: external opens no socket" : "ssl is off";
  for (const key of external ? ["ssl", ...TLS_KEYS] as const : TLS_KEYS) {
    const value = own.values[key];
    if (value !== undefined && value !== false && value !== "off") {
      report.warn(own.pathOf(key), `has no effect: ${reason}`);
    }
  }
  // A connection that is handed in may bring a verified certificate.
  if (!external) checkUsernameSource(draft, report);
}

function checkUsernameSource({ own, merged }: Draft, report: Report): void {
  const source = own.values.usernameFromCertificate ?? "off";
  if (source === "off") return;
  const missing = merged.ssl
    ? "a client certificate: give cafile, capath or cadata"
    : "ssl: on and a client certificate";
  report.fault(own.pathOf("usernameFromCertificate"), `${source} needs ${missing}`);
}
