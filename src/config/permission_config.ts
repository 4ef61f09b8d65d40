/** The configuration's shape where it is about who may sign in, and what they may do. */
import type { PluginList } from "./plugin_config.ts";

/**
 * Sign-in. Without this section anonymous clients are let in on loopback only.
 *
 * @category Config
 */
export interface AuthConfig {
  /**
   * Plugins asked at sign-in, by bundled name or import specifier; an empty list lets nobody in.
   * @default those that the other keys here call for, and bundled ones that `plugins` at the top names
   */
  readonly plugins?: PluginList;
  /**
   * Lets clients without a user name in, through `auth.anonymous`; `any-username`: those with one, too, whatever it is, unless
   * another plugin denies them. @default true if `auth.anonymous` is listed in `plugins`, else false
   */
  readonly allowAnonymous?: boolean | "any-username";
  /** Path of the password file for `auth.file`. */
  readonly passwordFile?: string;
  /**
   * Path of the file in which `auth.file` keeps the key that hides from SCRAM clients which users exist; made if it is not
   * there. @default the password file with `.scram-key` behind it
   */
  readonly scramKeyFile?: string;
  /** Password hashes computed at once, and threads for those of crypt(3), 1 to 64. @default 2 */
  readonly authConcurrency?: number;
}

/**
 * User name → topic filters; `anonymous` stands for clients without a user name.
 *
 * @category Config
 */
export type AccessControlList = Readonly<Record<string, readonly string[] | null>>;

/**
 * Permissions on topics.
 *
 * @category Config
 */
export interface TopicCheckConfig {
  /** Whether topics are restricted at all; without it the lists below have no effect. @default false */
  readonly enabled?: boolean;
  /** Plugins asked for topics, by bundled name or import specifier. @default `topic_acl` if there is a list below */
  readonly plugins?: PluginList;
  /** What each user may publish to, subscribe to and receive; in aMQTT it is for subscribing only, see `subscribeAcl`. */
  readonly acl?: AccessControlList;
  /** In place of `acl` for publishing. */
  readonly publishAcl?: AccessControlList;
  /** In place of `acl` for subscribing. */
  readonly subscribeAcl?: AccessControlList;
  /** In place of `acl` for receiving. */
  readonly receiveAcl?: AccessControlList;
}
