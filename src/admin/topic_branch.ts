import type { TopicEntry } from "./topic_entry.ts";

/** A level of the tree of topics. */
export class TopicBranch {
  readonly level: string;
  readonly parent: TopicBranch | undefined;
  /** What is remembered of the topic that ends here; `undefined`: none does. */
  entry: TopicEntry | undefined;
  /** Topics here and below. */
  topics = 0;
  #children: Map<string, TopicBranch> | undefined;

  constructor(level: string, parent: TopicBranch | undefined) {
    this.level = level;
    this.parent = parent;
  }

  /** The levels below. */
  get children(): ReadonlyMap<string, TopicBranch> {
    return this.#children ?? NO_CHILDREN;
  }

  /** The whole name down to here. */
  get path(): string {
    // The root has no parent, and is no level.
    const levels = this.parent ? [this.level] : [];
    for (let branch = this.parent; branch?.parent; branch = branch.parent) levels.push(branch.level);
    return levels.reverse().join("/");
  }

  /** Puts a topic in below this one, which is the root. */
  add(entry: TopicEntry): void {
    this.topics++;
    const last = entry.topicName.split("/").reduce<TopicBranch>((branch, level) => {
      const child = branch.#grow(level);
      child.topics++;
      return child;
    }, this);
    last.entry = entry;
  }

  /** Takes a topic out, and the levels that served it alone. */
  remove(entry: TopicEntry): void {
    const branch = this.find(entry.topicName);
    if (branch?.entry !== entry) return;
    branch.entry = undefined;
    for (let at: TopicBranch | undefined = branch; at; at = at.parent) {
      at.topics--;
      const { parent } = at;
      if (at.topics === 0 && parent) parent.#children?.delete(at.level);
    }
  }

  /** The level at which a name ends; `undefined`: there is none. */
  find(name: string): TopicBranch | undefined {
    return name.split("/").reduce<TopicBranch | undefined>((branch, level) => branch?.children.get(level), this);
  }

  #grow(level: string): TopicBranch {
    const children = this.#children ??= new Map();
    const known = children.get(level);
    if (known) return known;
    const child = new TopicBranch(level, this);
    children.set(level, child);
    return child;
  }
}

const NO_CHILDREN: ReadonlyMap<string, TopicBranch> = new Map();
