/**
 * `auth.file`: checks user names and passwords against a password file with lines `user:hash`. The hashes may be those of
 * crypt(3) (`$5$`, `$6$`), of `mosquitto_passwd` (`$6$`, `$7$`), Argon2id, and SCRAM-SHA-256 in PostgreSQL's form. Clients
 * without a user name are left to other plugins.
 *
 * Users with SCRAM credentials may also sign in by enhanced authentication (MQTT 5.0 §4.12) with the method
 * `SCRAM-SHA-256` (RFC 5802, RFC 7677), in which the password is never sent. Channel binding, acting for another user and
 * mandatory extensions are not served, and user names are compared as they are, without SASLprep.
 *
 * Sign-ins cannot be used to flood the broker: few hashes are computed at once, few wait, and an address whose sign-ins
 * failed has to wait longer each time.
 *
 * @module
 */
import type { Plugin, PluginContext, PluginFactory } from "../hooks/plugin.ts";
import { createAuthFile } from "./password/auth_file.ts";
import { delayByTimer } from "./password/waiting_room.ts";

/** Options of `auth.file`. */
export interface AuthFileOptions {
  /** Path of the password file. */
  readonly passwordFile: string;
  /** Hashes computed at once, 1 to 64. @default 2 */
  readonly authConcurrency?: number;
}

/** Makes the plugin; its options are {@linkcode AuthFileOptions}. */
const create: PluginFactory = (options: unknown, context: PluginContext): Promise<Plugin> =>
  createAuthFile(options, context, { now: () => performance.now(), delay: delayByTimer });

export default create;
