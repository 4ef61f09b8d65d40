/** Kinds of errors, told by the code that Node gives them. */
import type { Host, HostErrorClass } from "../host_types.ts";

/** A class that nothing is made of: an error is one of it if it has one of the codes. */
function errorClass(...codes: readonly string[]): HostErrorClass {
  return class extends Error {
    static override [Symbol.hasInstance](value: unknown): boolean {
      return value instanceof Error && "code" in value && codes.includes(String(value.code));
    }
  };
}

/** The kinds that the broker tells from one another. */
export const errors: Host["errors"] = {
  AddrInUse: errorClass("EADDRINUSE"),
  AddrNotAvailable: errorClass("EADDRNOTAVAIL"),
  BadResource: errorClass("EBADF"),
  ConnectionRefused: errorClass("ECONNREFUSED"),
  IsADirectory: errorClass("EISDIR"),
  NotADirectory: errorClass("ENOTDIR"),
  // Node has no permissions of its own, as a rule.
  NotCapable: errorClass("ERR_ACCESS_DENIED"),
  NotFound: errorClass("ENOENT"),
  PermissionDenied: errorClass("EACCES", "EPERM"),
};
