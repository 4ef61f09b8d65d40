import type { WorkSteps } from "../work_budget.ts";
import type { TopicNode } from "./topic_node.ts";

/** A branch that is still to be looked at. A stack of them stands in for recursion: a topic may have 65,536 levels. */
interface Branch<T> {
  readonly node: TopicNode<T>;
  readonly depth: number;
}

/**
 * Looks for the stored filters that match a topic name, and can be broken off and go on. What is stored or removed
 * meanwhile is found or not; what is there all the time is found once.
 */
export class NameWalk<T> {
  /** The values that were found so far. */
  readonly found: T[] = [];
  readonly #levels: readonly string[];
  /** [MQTT-4.7.2-1] 3.1.1 and 5.0: a leading wildcard does not match a leading "$". */
  readonly #wildcardFirst: boolean;
  readonly #branches: Branch<T>[] = [];
  #node: TopicNode<T> | undefined;
  #depth = 0;

  /** @param root the empty level above all others */
  constructor(root: TopicNode<T>, topicName: string) {
    this.#node = root;
    this.#levels = topicName.split("/");
    this.#wildcardFirst = !topicName.startsWith("$");
  }

  /**
   * Looks at so many levels at most.
   *
   * @param work is told how many there were
   * @returns whether it is through
   */
  goOn(most: number, work: WorkSteps): boolean {
    const levels = this.#levels;
    let [node, depth] = [this.#node, this.#depth];
    let left = most;
    for (; node && left > 0; left--) {
      work.steps++;
      const wildcards = depth > 0 || this.#wildcardFirst;
      // "a/#" matches "a" too, so "#" is looked at before the end of the name.
      if (wildcards) this.#push(node.child("#"));
      if (depth === levels.length) this.#push(node);
      const plus: TopicNode<T> | undefined = wildcards && depth < levels.length ? node.child("+") : undefined;
      if (plus) this.#branches.push({ node: plus, depth: depth + 1 });
      node = depth < levels.length ? node.child(levels[depth]!) : undefined;
      depth++;
      if (node) continue;
      const branch = this.#branches.pop();
      if (branch) ({ node, depth } = branch);
    }
    [this.#node, this.#depth] = [node, depth];
    return node === undefined;
  }

  #push(node: TopicNode<T> | undefined): void {
    if (node && node.value !== undefined) this.found.push(node.value);
  }
}
