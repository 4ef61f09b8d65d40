import type { WorkSteps } from "../work_budget.ts";
import { NameWalk } from "./name_walk.ts";
import { TopicNode } from "./topic_node.ts";

/**
 * Values by topic name or filter, level by level, with the two questions a broker has: which stored filters match a
 * name, and which stored names a filter matches (MQTT 3.1.1 §4.7, MQTT 5.0 §4.7).
 */
export class TopicTree<T> {
  readonly #root = new TopicNode<T>("");
  #size = 0;

  /** How many values are stored. */
  get size(): number {
    return this.#size;
  }

  get(topic: string): T | undefined {
    let node: TopicNode<T> | undefined = this.#root;
    for (const level of topic.split("/")) {
      node = node.child(level);
      if (!node) return undefined;
    }
    return node.value;
  }

  /** Stores `value` in place of what was there. */
  set(topic: string, value: T): void {
    const node = this.#grow(topic);
    if (node.value === undefined) this.#size++;
    node.value = value;
  }

  /** What is stored, or what `make` makes if there is nothing: that is then stored. */
  getOrSet(topic: string, make: () => T): T {
    const node = this.#grow(topic);
    if (node.value !== undefined) return node.value;
    this.#size++;
    return node.value = make();
  }

  /** Removes a value and every level that served it alone. */
  delete(topic: string): boolean {
    const path = [this.#root];
    for (const level of topic.split("/")) {
      const child = path[path.length - 1].child(level);
      if (!child) return false;
      path.push(child);
    }
    const leaf = path[path.length - 1];
    if (leaf.value === undefined) return false;
    leaf.value = undefined;
    this.#size--;
    for (let depth = path.length - 1; depth > 0; depth--) {
      const node = path[depth];
      if (node.value !== undefined || !node.isLeaf) break;
      path[depth - 1].prune(node);
    }
    return true;
  }

  /** Every value, in no particular order. */
  *values(): Generator<T> {
    for (const value of visitBelow(this.#root, ["#"], { hidden: true })) {
      if (value !== undefined) yield value;
    }
  }

  /**
   * The values of the stored filters that match the topic name.
   *
   * @param work is told how many levels were looked at. @default nobody is
   */
  matchName(topicName: string, work: WorkSteps = { steps: 0 }): T[] {
    const walk = this.walkName(topicName);
    walk.goOn(Infinity, work);
    return walk.found;
  }

  /** The same in pieces: see {@linkcode NameWalk.goOn}. */
  walkName(topicName: string): NameWalk<T> {
    return new NameWalk(this.#root, topicName);
  }

  /**
   * The values of the stored names that the topic filter matches, and an `undefined` for each level that was looked at
   * in vain: who asks can stop after so many steps and go on later. What is stored or removed meanwhile is found or not;
   * what is there all the time is found once.
   */
  matchFilter(topicFilter: string): Generator<T | undefined> {
    return visitBelow(this.#root, topicFilter.split("/"), { hidden: false });
  }

  #grow(topic: string): TopicNode<T> {
    let node = this.#root;
    for (const level of topic.split("/")) node = node.grow(level);
    return node;
  }
}

/** Children that are still to be visited. */
interface Siblings<T> {
  readonly nodes: Iterator<TopicNode<T>>;
  readonly depth: number;
}

/** @param hidden whether a leading wildcard matches a leading `$`, too */
function* visitBelow<T>(
  root: TopicNode<T>,
  levels: readonly string[],
  { hidden }: { readonly hidden: boolean },
): Generator<T | undefined> {
  const stack: Siblings<T>[] = [{ nodes: [root].values(), depth: 0 }];
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    let { depth } = top;
    let node: TopicNode<T> | undefined = top.nodes.next().value;
    if (!node) stack.pop();
    // [MQTT-4.7.2-1] 3.1.1 and 5.0
    if (depth === 1 && !hidden && node?.level.startsWith("$")) {
      yield undefined;
      continue;
    }
    while (node) {
      // Below a "#" every level is wanted, and the "#" itself includes its parent.
      const all = levels[Math.min(depth, levels.length - 1)] === "#";
      yield depth > 0 && (all || depth === levels.length) ? node.value : undefined;
      if (all || levels[depth] === "+") {
        stack.push({ nodes: node.children(), depth: depth + 1 });
        break;
      }
      node = node.child(levels[depth++]);
    }
  }
}
