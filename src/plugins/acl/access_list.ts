import { covers, matches, parseTopicFilter, type TopicFilter, type TopicName } from "../../packet/topic.ts";

/** The names of a client that entries may refer to. */
export interface ClientNames {
  readonly clientIdentifier: string;
  readonly username?: string;
}

/** Answers that a list remembers; a client that uses more topics than that is answered anew. */
const MAX_REMEMBERED = 256;

/** The topic filters that one client may use for one action. */
export class AccessList {
  readonly #entries: readonly TopicFilter[];
  readonly #remembered = new Map<TopicName, boolean>();

  constructor(entries: readonly TopicFilter[]) {
    this.#entries = entries;
  }

  /** Whether an entry matches the topic name. Asked for every recipient of every message, hence the memory. */
  allowsName(topicName: TopicName): boolean {
    const known = this.#remembered.get(topicName);
    if (known !== undefined) return known;
    const allowed = this.#entries.some((entry) => matches(entry, topicName));
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(topicName, allowed);
    return allowed;
  }

  /** Whether one entry covers all that the filter can match. */
  allowsFilter(topicFilter: TopicFilter): boolean {
    return this.#entries.some((entry) => covers(entry, topicFilter));
  }
}

/** Entries as the config has them: some may hold `%u` and `%c`. */
export class AccessListTemplate {
  readonly #fixed: readonly TopicFilter[];
  readonly #templates: readonly string[];
  /** For all clients alike if no entry depends on the client. */
  readonly #shared: AccessList | undefined;
  readonly #filled = new WeakMap<ClientNames, AccessList>();

  /** @throws {Error} if an entry is not a topic filter, with its index in front: `[1]: …` */
  constructor(entries: readonly string[]) {
    entries.forEach(checkEntry);
    this.#templates = entries.filter(hasPlaceholder);
    this.#fixed = entries.filter((entry) => !hasPlaceholder(entry)) as TopicFilter[];
    this.#shared = this.#templates.length === 0 ? new AccessList(this.#fixed) : undefined;
  }

  /** The list of one client; the same object is given the same list. */
  for(client: ClientNames): AccessList {
    if (this.#shared !== undefined) return this.#shared;
    let list = this.#filled.get(client);
    if (list === undefined) {
      const own = this.#templates.map((template) => fill(template, client)).filter((filter) => filter !== undefined);
      list = new AccessList([...this.#fixed, ...own]);
      this.#filled.set(client, list);
    }
    return list;
  }
}

const PLACEHOLDER = /%[uc]/g;

function hasPlaceholder(entry: string): boolean {
  return entry.search(PLACEHOLDER) >= 0;
}

function checkEntry(entry: string, index: number): void {
  try {
    parseTopicFilter(entry.replace(PLACEHOLDER, "x"));
  } catch (fault) {
    throw new Error(`[${index}]: ${(fault as Error).message}`, { cause: fault });
  }
}

/** `undefined`: the entry is not for this client. */
function fill(template: string, { clientIdentifier, username }: ClientNames): TopicFilter | undefined {
  let usable = true;
  const filter = template.replace(PLACEHOLDER, (placeholder, at: number) => {
    const name = (placeholder === "%u" ? username : clientIdentifier) ?? "";
    // A name must stay within its level, and must not turn the entry into one for `$…` topics.
    if (name === "" || /[+#/\0]/.test(name) || (at === 0 && name.startsWith("$"))) usable = false;
    return name;
  });
  return usable ? filter as TopicFilter : undefined;
}
