/** The configuration's shape where it is about what is stored. */

/** A store in the place of its name: a `Store`, or the `StoreFactory` that makes it. */
export type StoreInPlace =
  | {
    open(): unknown;
    append(changes: never): unknown;
    deliveries(session: number, range: never): unknown;
    close(): unknown;
  }
  | ((options: never, context: never) => object | Promise<object>);

/**
 * Where sessions and messages are kept.
 *
 * @category Config
 */
export interface PersistenceConfig {
  /**
   * `memory` (nothing outlives the process), `sqlite`, or the import specifier of a store module, as plugins have it.
   * @default "memory"
   */
  readonly type?: string;
  /** `sqlite` only: path of the database file. @default "amqtt-broker.sqlite" */
  readonly path?: string;
  /**
   * `sqlite` only. `disk`: what is acknowledged was synced to the disk before. `os`: the operating system has it, so that
   * it survives a crash of the process, but not one of the machine. @default "disk"
   */
  readonly commit?: "disk" | "os";
  /**
   * In a program, in place of `type`: the store itself, or what makes it of all other keys and a context. A store that is
   * given itself is opened again by each start. With an import specifier in `type` it is an option like any other.
   */
  readonly store?: StoreInPlace;
  /** Of a store module: its options, passed on as they stand, `path` and `commit` included. */
  readonly [option: string]: unknown;
}
