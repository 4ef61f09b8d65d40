// What this project uses of @std/path, from the npm copy of the same code.
import * as path from "npm:deno-std@1.4.0/path/mod.js";

export const basename: (path: string) => string = path.basename;
export const dirname: (path: string) => string = path.dirname;
export const extname: (path: string) => string = path.extname;
export const fromFileUrl: (url: string | URL) => string = path.fromFileUrl;
export const isAbsolute: (path: string) => boolean = path.isAbsolute;
export const join: (...parts: string[]) => string = path.join;
export const relative: (from: string, to: string) => string = path.relative;
export const resolve: (...parts: string[]) => string = path.resolve;
export const toFileUrl: (path: string) => URL = path.toFileUrl;
