/**
 * One level of a {@linkcode TopicTree}; `+` and `#` are levels like any other. Most nodes have one child or none, so a
 * map is made only for a second one: there may be millions of nodes.
 */
export class TopicNode<T> {
  readonly level: string;
  /** `undefined`: nothing ends at this level. */
  value: T | undefined = undefined;
  #children: TopicNode<T> | Map<string, TopicNode<T>> | undefined = undefined;

  constructor(level: string) {
    this.level = level;
  }

  get isLeaf(): boolean {
    return this.#children === undefined;
  }

  /** The child of this level; `undefined`: there is none. */
  child(level: string): TopicNode<T> | undefined {
    const children = this.#children;
    if (children === undefined) return undefined;
    if (children instanceof Map) return children.get(level);
    return children.level === level ? children : undefined;
  }

  /** All children. While it is in use children may come, which it may leave out, and go. */
  children(): Iterator<TopicNode<T>> {
    const children = this.#children;
    if (children instanceof Map) return children.values();
    return (children ? [children] : []).values();
  }

  /** The child of this level, made if there is none. */
  grow(level: string): TopicNode<T> {
    const known = this.child(level);
    if (known) return known;
    const child = new TopicNode<T>(level);
    const children = this.#children;
    if (children === undefined) this.#children = child;
    else if (children instanceof Map) children.set(level, child);
    else this.#children = new Map([[children.level, children], [level, child]]);
    return child;
  }

  /** Cuts a child off. */
  prune(child: TopicNode<T>): void {
    const children = this.#children;
    if (children === child) this.#children = undefined;
    else if (children instanceof Map && children.delete(child.level) && children.size === 0) this.#children = undefined;
  }
}
