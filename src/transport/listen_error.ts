/** Start-up faults of listeners, in words. */
import { formatAddress } from "./address.ts";
import { host } from "../runtime/host.ts";

/** A listener could not be started or reloaded; the message names what was wrong, `cause` is the system's error. */
export class ListenError extends Error {
  /** Always `ListenError`. */
  override readonly name = "ListenError";
}

/** Puts the system's refusal to listen on an address into words. */
export function cannotListen(hostname: string, port: number, cause: unknown): ListenError {
  return new ListenError(`Cannot listen on ${formatAddress(hostname, port)}: ${reasonOfSystem(cause)}`, { cause });
}

/** Why the system refuses to listen. */
export function reasonOfSystem(cause: unknown): string {
  const code = codeOf(cause);
  if (cause instanceof host.errors.AddrInUse || code === "EADDRINUSE") return "the port is in use";
  if (cause instanceof host.errors.NotCapable) return `Deno's permission is missing: ${cause.message}`;
  if (cause instanceof host.errors.PermissionDenied || code === "EACCES") {
    return "permission denied (ports below 1024 need a privilege on most systems)";
  }
  if (cause instanceof host.errors.AddrNotAvailable || code === "EADDRNOTAVAIL") {
    return "the address is not one of this machine";
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  if (/lookup address|ENOTFOUND|getaddrinfo/i.test(message)) return "the host name is not known";
  return message;
}

/** The system's error code, such as `EADDRINUSE`, where the error carries one. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
