import { render } from "preact";
import { App } from "./app.tsx";
import { applyTheme, followSystem, readTheme } from "./theme.ts";

applyTheme(readTheme());
followSystem();
render(<App />, document.getElementById("app")!);
