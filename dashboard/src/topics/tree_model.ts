/** The part of the topic tree that is open, fetched page by page as it comes into sight. */
import { get } from "../api.ts";
import type { Page, TopicItem } from "../types.ts";

const PAGE_ITEMS = 200;

interface Part {
  cursor: string | undefined;
  items: readonly TopicItem[];
  next: string | null;
  /** Another page has changed so that this one begins elsewhere. */
  stale: boolean;
}

interface Branch {
  readonly parts: Part[];
  loading: boolean;
  /** The last attempt came to nothing: the next one waits for the next round. */
  failed: boolean;
}

/** A line of the tree. `item` is undefined where the rest of a branch is not fetched yet. */
export interface TreeRow {
  readonly item: TopicItem | undefined;
  readonly depth: number;
  readonly open: boolean;
  readonly parent: string | undefined;
  readonly part: number;
  /** Its place among its sisters, from 1. */
  readonly place: number;
}

/** See the module. Branches are told apart by their topic name; the topmost has none. */
export class TreeModel {
  readonly #branches = new Map<string | undefined, Branch>();
  readonly #open = new Set<string>();
  readonly #search: string | undefined;
  readonly #changed: () => void;
  readonly #ending = new AbortController();
  #rows: readonly TreeRow[] | undefined;
  error: string | undefined;
  loaded = false;

  /** @param search a flat list of the topics that hold it, in place of the tree */
  constructor(search: string | undefined, changed: () => void) {
    this.#search = search;
    this.#changed = changed;
    void this.#fetch(undefined, 0);
  }

  /** All lines, from the top. */
  get rows(): readonly TreeRow[] {
    return this.#rows ??= this.#flatten();
  }

  get isFlat(): boolean {
    return this.#search !== undefined;
  }

  isOpen(topicName: string): boolean {
    return this.#open.has(topicName);
  }

  setOpen(topicName: string, open: boolean): void {
    if (this.isFlat) return;
    if (open) this.#open.add(topicName);
    else this.#open.delete(topicName);
    if (open && !this.#branches.has(topicName)) void this.#fetch(topicName, 0);
    this.#tell();
  }

  /** Opens every branch above a topic. */
  reveal(topicName: string): void {
    const levels = topicName.split("/");
    for (let count = 1; count < levels.length; count++) this.setOpen(levels.slice(0, count).join("/"), true);
  }

  /** Fetches what is in sight and not there yet; with `again` also what is there. */
  async see(rows: readonly TreeRow[], again: boolean): Promise<void> {
    const wanted = new Map<string, readonly [string | undefined, number]>();
    for (const { parent, part, item } of rows) {
      if (!again && this.#branches.get(parent)?.failed) continue;
      if (again || item === undefined || this.#branches.get(parent)?.parts[part]?.stale) {
        wanted.set(JSON.stringify([parent ?? null, part]), [parent, part]);
      }
    }
    for (const [parent, part] of wanted.values()) await this.#fetch(parent, part);
  }

  close(): void {
    this.#ending.abort();
  }

  async #fetch(parent: string | undefined, at: number): Promise<void> {
    let branch = this.#branches.get(parent);
    if (!branch) this.#branches.set(parent, branch = { parts: [], loading: false, failed: false });
    if (branch.loading || this.#ending.signal.aborted) return;
    branch.loading = true;
    const cursor = branch.parts[at]?.cursor ?? branch.parts[at - 1]?.next ?? undefined;
    try {
      const query = { parent, cursor, search: this.#search, limit: PAGE_ITEMS };
      const { items, nextCursor: next } = await get<Page<TopicItem>>("/topics", query, this.#ending.signal);
      branch.parts[at] = { cursor, items, next, stale: false };
      if (next === null) branch.parts.length = at + 1;
      const after = branch.parts[at + 1];
      if (after && next !== null && after.cursor !== next) Object.assign(after, { cursor: next, stale: true });
      branch.failed = false;
      this.error = undefined;
      this.loaded = true;
    } catch (error) {
      branch.failed = true;
      this.error = (error as Error).message;
    } finally {
      branch.loading = false;
      if (!this.#ending.signal.aborted) this.#tell();
    }
  }

  #tell(): void {
    this.#rows = undefined;
    this.#changed();
  }

  #flatten(): readonly TreeRow[] {
    const rows: TreeRow[] = [];
    const add = (parent: string | undefined, depth: number) => {
      const parts = this.#branches.get(parent)?.parts ?? [];
      let place = 0;
      parts.forEach(({ items }, part) => {
        for (const item of items) {
          const open = item.children > 0 && this.isOpen(item.topicName);
          rows.push({ item, depth, open, parent, part, place: ++place });
          if (open) add(item.topicName, depth + 1);
        }
      });
      const missing = parts.length === 0 || parts.at(-1)!.next !== null;
      if (missing) rows.push({ item: undefined, depth, open: false, parent, part: parts.length, place: ++place });
    };
    add(undefined, 0);
    return rows;
  }
}
