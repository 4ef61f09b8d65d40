/** Files by `node:fs`. */
import * as fs from "node:fs";
import * as promises from "node:fs/promises";
import type { HostEntry, HostFile, HostFileInfo, HostOpenOptions } from "../host_types.ts";

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY } = fs.constants;

export async function readFile(path: string): Promise<Uint8Array> {
  return bytesOf(await promises.readFile(path));
}

export function readTextFile(path: string): Promise<string> {
  return promises.readFile(path, "utf8");
}

export function readTextFileSync(path: string): string {
  return fs.readFileSync(path, "utf8");
}

export async function writeFile(path: string, bytes: Uint8Array, options: HostOpenOptions): Promise<void> {
  await promises.writeFile(path, bytes, { flag: options.createNew ? "wx" : "w", mode: options.mode });
}

export async function* readDir(path: string): AsyncGenerator<HostEntry> {
  for (const entry of await promises.readdir(path, { withFileTypes: true })) yield entryOf(entry);
}

export function readDirSync(path: string): Iterable<HostEntry> {
  return fs.readdirSync(path, { withFileTypes: true }).map(entryOf);
}

export async function stat(path: string): Promise<HostFileInfo> {
  return infoOf(await promises.stat(path));
}

export function statSync(path: string): HostFileInfo {
  return infoOf(fs.statSync(path));
}

export async function lstat(path: string): Promise<HostFileInfo> {
  return infoOf(await promises.lstat(path));
}

export function lstatSync(path: string): HostFileInfo {
  return infoOf(fs.lstatSync(path));
}

export function realPath(path: string): Promise<string> {
  return promises.realpath(path);
}

export function realPathSync(path: string): string {
  return fs.realpathSync(path);
}

export async function open(path: string, options: HostOpenOptions): Promise<HostFile> {
  const handle = await promises.open(path, flagsOf(options), options.mode);
  const close = () => void handle.close().catch(() => {});
  return {
    write: async (bytes) => (await handle.write(bytes)).bytesWritten,
    sync: () => handle.sync(),
    close,
    [Symbol.dispose]: close,
  };
}

export function openSync(path: string, options: HostOpenOptions = {}): { close(): void } {
  const descriptor = fs.openSync(path, flagsOf(options), options.mode);
  return { close: () => fs.closeSync(descriptor) };
}

export function rename(path: string, newPath: string): Promise<void> {
  return promises.rename(path, newPath);
}

export function remove(path: string): Promise<void> {
  return promises.rm(path);
}

export function removeSync(path: string): void {
  fs.rmSync(path);
}

export function chmodSync(path: string, mode: number): void {
  fs.chmodSync(path, mode);
}

/** -1 leaves the owner or the group as it is. */
export function chown(path: string, uid: number | null, gid: number | null): Promise<void> {
  return promises.chown(path, uid ?? -1, gid ?? -1);
}

function flagsOf({ read, write, createNew }: HostOpenOptions): number {
  const access = write ? read ? O_RDWR : O_WRONLY : O_RDONLY;
  return access | (createNew ? O_CREAT | O_EXCL : 0);
}

/** A `Buffer` behaves in other ways than the class that it extends. */
function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function entryOf(entry: fs.Dirent): HostEntry {
  return { name: entry.name, isDirectory: entry.isDirectory() };
}

function infoOf(stats: fs.Stats): HostFileInfo {
  const { size, mtime, dev, ino, uid, gid } = stats;
  return {
    isDirectory: stats.isDirectory(),
    isSymlink: stats.isSymbolicLink(),
    isSocket: stats.isSocket(),
    ...{ size, mtime, dev, ino, uid, gid },
  };
}
