/**
 * `topic_acl`: what each user may publish to, subscribe to and receive, as lists of topic filters.
 *
 * `acl` holds for all three actions; `publishAcl`, `subscribeAcl` and `receiveAcl` replace it for their action. An action
 * without any list is allowed, and what no entry covers is denied outright, so that no other plugin can allow it.
 * Clients without a user name have the lists of `anonymous`; a client that signs in with the user name "anonymous" has
 * none.
 *
 * `%u` and `%c` in an entry stand for user name and client identifier. A client whose name is empty or contains `+`,
 * `#` or `/`, which would reach beyond its level, matches no such entry.
 *
 * @module
 */
import type { ClientSnapshot, Decision, Plugin, PluginContext, PluginFactory } from "../hooks/plugin.ts";
import { type AccessList, AccessListTemplate } from "./acl/access_list.ts";
import { readOptions, show } from "./options.ts";
import { topicAclOptions } from "./topic_acl_options.ts";

/** User name → topic filters; `anonymous` stands for clients without a user name, `null` for an empty list. */
export type TopicAcl = Readonly<Record<string, readonly string[] | null>>;

/** Options of `topic_acl`. */
export interface TopicAclOptions {
  /** For publishing, subscribing and receiving. */
  readonly acl?: TopicAcl;
  /** In place of `acl` for publishing. */
  readonly publishAcl?: TopicAcl;
  /** In place of `acl` for subscribing. */
  readonly subscribeAcl?: TopicAcl;
  /** In place of `acl` for receiving. */
  readonly receiveAcl?: TopicAcl;
}

/** By user name. A map, so that names such as `__proto__` are names like any other. */
type Users = ReadonlyMap<string, AccessListTemplate>;

/** `undefined`: the action is free. */
interface Lists {
  readonly publish: Users | undefined;
  readonly subscribe: Users | undefined;
  readonly receive: Users | undefined;
}

const ANONYMOUS = "anonymous";
const NOTHING = new AccessListTemplate([]);

/** Makes the plugin; its options are {@linkcode TopicAclOptions}. */
const create: PluginFactory = (options: unknown, context: PluginContext): Plugin => {
  let lists = readLists(options);
  if (lists.publish === undefined && lists.subscribe === undefined && lists.receive === undefined) {
    context.logger.warn("topic_acl has no list: every client may use every topic");
  }
  return {
    authorizePublish: (client, { topicName }) => decide(lists.publish, client, (list) => list.allowsName(topicName)),
    authorizeSubscribe: (client, { topicFilter }) =>
      decide(lists.subscribe, client, (list) => list.allowsFilter(topicFilter)),
    authorizeReceive: (client, { topicName }) => decide(lists.receive, client, (list) => list.allowsName(topicName)),
    reload(newOptions: unknown) {
      lists = readLists(newOptions);
    },
  };
};

export default create;

function decide(users: Users | undefined, client: ClientSnapshot, allows: (list: AccessList) => boolean): Decision {
  if (users === undefined) return "allow";
  const entries = client.username === ANONYMOUS ? undefined : users.get(client.username ?? ANONYMOUS);
  return allows((entries ?? NOTHING).for(client)) ? "allow" : "deny";
}

function readLists(options: unknown): Lists {
  const { acl, publishAcl, subscribeAcl, receiveAcl } = readOptions(options, topicAclOptions);
  const common = readUsers(acl, "acl");
  return {
    publish: readUsers(publishAcl, "publishAcl") ?? common,
    subscribe: readUsers(subscribeAcl, "subscribeAcl") ?? common,
    receive: readUsers(receiveAcl, "receiveAcl") ?? common,
  };
}

function readUsers(acl: unknown, name: string): Users | undefined {
  if (acl === undefined || acl === null) return undefined;
  if (typeof acl !== "object" || Array.isArray(acl)) {
    throw new Error(`${name} must map user names to lists of topic filters: got ${show(acl)}`);
  }
  const users = new Map<string, AccessListTemplate>();
  for (const [username, entries] of Object.entries(acl)) {
    const place = /^[\w-]+$/.test(username) ? `${name}.${username}` : `${name}[${JSON.stringify(username)}]`;
    users.set(username, readEntries(entries ?? [], place));
  }
  return users;
}

function readEntries(entries: unknown, place: string): AccessListTemplate {
  if (!Array.isArray(entries) || !entries.every((entry) => typeof entry === "string")) {
    throw new Error(`${place} must be a list of topic filters: got ${show(entries)}`);
  }
  try {
    return new AccessListTemplate(entries);
  } catch (fault) {
    throw new Error(`${place}${(fault as Error).message}`, { cause: fault });
  }
}
