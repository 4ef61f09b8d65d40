/**
 * `auth.file`: checks user names and passwords against a password file with lines `user:hash`. The hashes may be those of
 * crypt(3) (`$5$`, `$6$`), of `mosquitto_passwd` (`$6$`, `$7$`), Argon2id, and SCRAM-SHA-256 in PostgreSQL's form. Clients
 * without a user name are left to other plugins.
 *
 * Users with SCRAM credentials may also sign in by enhanced authentication (MQTT 5.0 §4.12) with the method
 * `SCRAM-SHA-256` (RFC 5802, RFC 7677), in which the password is never sent. Channel binding, acting for another user and
 * mandatory extensions are not served, and user names are compared as they are, without SASLprep.
 *
 * Sign-ins cannot be used to flood the broker: few hashes are computed at once, the others wait as long as
 * `connect-timeout` allows, by turns among addresses and users, and a user whose sign-ins from an address failed has to
 * wait there longer each time. A user name and password that were right once cost no hash until the file changes.
 *
 * SCRAM tells nobody which users exist: those who do not have a salt, too. It is made with a key that is kept in a file,
 * since it must not change when the broker starts anew or the password file is edited.
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
  /**
   * Path of the file with the key that salts of users who do not exist are made with, 32 bytes. Made, for its owner only,
   * when there is none and a user has a SCRAM line. @default `passwordFile` with `.scram-key` behind it
   */
  readonly scramKeyFile?: string;
  /** Hashes computed at once, and threads for those of crypt(3), 1 to 64. @default 2 */
  readonly authConcurrency?: number;
}

/** Makes the plugin; its options are {@linkcode AuthFileOptions}. */
const create: PluginFactory = (options: unknown, context: PluginContext): Promise<Plugin> =>
  createAuthFile(options, context, { now: () => performance.now(), delay: delayByTimer });

export default create;
