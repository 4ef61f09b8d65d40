/** One level of the tree; `+` and `#` are levels like any other. */
interface Node<T> {
  value: T | undefined;
  children: Map<string, Node<T>> | undefined;
}

/**
 * Values by topic name or filter, level by level, with the two questions a broker has: which stored filters match a
 * name, and which stored names a filter matches (MQTT 3.1.1 §4.7, MQTT 5.0 §4.7).
 */
export class TopicTree<T> {
  readonly #root: Node<T> = { value: undefined, children: undefined };
  #size = 0;

  /** How many values are stored. */
  get size(): number {
    return this.#size;
  }

  get(topic: string): T | undefined {
    let node: Node<T> | undefined = this.#root;
    for (const level of topic.split("/")) {
      node = node.children?.get(level);
      if (!node) return undefined;
    }
    return node.value;
  }

  /** Stores `value` in place of what was there. */
  set(topic: string, value: T): void {
    let node = this.#root;
    for (const level of topic.split("/")) {
      const children: Map<string, Node<T>> = node.children ??= new Map();
      let child = children.get(level);
      if (!child) children.set(level, child = { value: undefined, children: undefined });
      node = child;
    }
    if (node.value === undefined) this.#size++;
    node.value = value;
  }

  /** Removes a value and every level that served it alone. */
  delete(topic: string): boolean {
    const levels = topic.split("/");
    const path = [this.#root];
    for (const level of levels) {
      const child = path[path.length - 1].children?.get(level);
      if (!child) return false;
      path.push(child);
    }
    const leaf = path[path.length - 1];
    if (leaf.value === undefined) return false;
    leaf.value = undefined;
    this.#size--;
    for (let depth = levels.length; depth > 0; depth--) {
      const { value, children } = path[depth];
      if (value !== undefined || children) break;
      const siblings = path[depth - 1].children!;
      siblings.delete(levels[depth - 1]);
      if (siblings.size === 0) path[depth - 1].children = undefined;
    }
    return true;
  }

  clear(): void {
    this.#root.children = undefined;
    this.#size = 0;
  }

  /** Every value, in no particular order. */
  *values(): Generator<T> {
    const nodes = [this.#root];
    for (let node = nodes.pop(); node; node = nodes.pop()) {
      if (node.value !== undefined) yield node.value;
      if (node.children) { for (const child of node.children.values()) nodes.push(child); }
    }
  }

  /** Calls `visit` with the value of every stored filter that matches the topic name. */
  matchName(topicName: string, visit: (value: T) => void): void {
    // [MQTT-4.7.2-1] 3.1.1 and 5.0: a leading wildcard does not match a leading "$".
    visitFilters(this.#root, topicName.split("/"), !topicName.startsWith("$"), visit);
  }

  /** Calls `visit` with the value of every stored name that the topic filter matches. */
  matchFilter(topicFilter: string, visit: (value: T) => void): void {
    visitNames(this.#root, topicFilter.split("/"), visit);
  }
}

/** A node that is still to be visited. A stack of them stands in for recursion: a topic may have 65,536 levels. */
interface Visit<T> {
  readonly node: Node<T>;
  readonly depth: number;
}

function visitFilters<T>(root: Node<T>, levels: string[], wildcardFirst: boolean, visit: (value: T) => void): void {
  const stack: Visit<T>[] = [{ node: root, depth: 0 }];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { node, depth } = next;
    const { children } = node;
    const wildcards = depth > 0 || wildcardFirst;
    // "a/#" matches "a" too, so "#" is looked at before the end of the name.
    if (children && wildcards) visitValue(children.get("#"), visit);
    if (depth === levels.length) visitValue(node, visit);
    else if (children) {
      push(stack, wildcards ? children.get("+") : undefined, depth + 1);
      push(stack, children.get(levels[depth]), depth + 1);
    }
  }
}

function visitNames<T>(root: Node<T>, levels: string[], visit: (value: T) => void): void {
  const stack: Visit<T>[] = [{ node: root, depth: 0 }];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { node, depth } = next;
    // Below a "#" every level is wanted, and the "#" itself includes its parent.
    const all = levels[Math.min(depth, levels.length - 1)] === "#";
    if (depth > 0 && (all || depth === levels.length)) visitValue(node, visit);
    if (all || levels[depth] === "+") pushAll(stack, node, depth);
    else if (depth < levels.length) push(stack, node.children?.get(levels[depth]), depth + 1);
  }
}

/** All children, except that a leading wildcard does not match a leading "$". */
function pushAll<T>(stack: Visit<T>[], { children }: Node<T>, depth: number): void {
  for (const [level, child] of children ?? []) {
    if (depth > 0 || !level.startsWith("$")) push(stack, child, depth + 1);
  }
}

function push<T>(stack: Visit<T>[], node: Node<T> | undefined, depth: number): void {
  if (node) stack.push({ node, depth });
}

function visitValue<T>(node: Node<T> | undefined, visit: (value: T) => void): void {
  if (node && node.value !== undefined) visit(node.value);
}
