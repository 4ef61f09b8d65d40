/** A browser on a broker's dashboard. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { assertEquals } from "@std/assert";

/** Where Debian and others have Chromium; `AMQTT_CHROMIUM` names another one. */
const PLACES = [
  Deno.env.get("AMQTT_CHROMIUM"),
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** The browser's program; `undefined`: there is none, and its tests are left out. */
export const chromiumPath: string | undefined = PLACES.find((path) => path !== undefined && isFile(path));

/** A browser that remembers what went wrong on its pages. */
export class TestBrowser implements AsyncDisposable {
  readonly #browser: Browser;
  /** What the pages complained of: errors, and breaches of their policy. */
  readonly complaints: string[] = [];

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async launch(): Promise<TestBrowser> {
    // The pages are the broker's own, and root has no sandbox.
    const options = { executablePath: chromiumPath, args: ["--no-sandbox", "--disable-dev-shm-usage"] };
    return new TestBrowser(await chromium.launch(options));
  }

  async open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await this.#browser.newPage(options);
    page.setDefaultTimeout(15_000);
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => {
      // That an answer was 401 is what the sign-in page is for.
      if (message.type() === "error" && !/status of 40[14]/.test(message.text())) this.complaints.push(message.text());
    });
    await page.goto(url);
    return page;
  }

  /** Nothing was complained of. */
  assertCalm(): void {
    assertEquals(this.complaints, []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

/** A test with a browser, left out where there is none. */
export function browserTest(name: string, run: (browser: TestBrowser) => Promise<void>): void {
  Deno.test({
    name,
    ignore: chromiumPath === undefined,
    fn: async () => {
      await using browser = await TestBrowser.launch();
      await run(browser);
      browser.assertCalm();
    },
  });
}

/** Every view with what one needs to see it full, by its name in the address. */
export function viewsWith(client: string, topic: string): readonly string[] {
  const id = encodeURIComponent(client);
  const name = encodeURIComponent(topic);
  const plain = [
    "overview",
    "topics",
    "clients",
    "subscriptions",
    "retained",
    "listeners",
    "bridges",
    "cluster",
    "log",
    "try",
    "settings",
  ];
  return [...plain, `client?id=${id}`, `topics?name=${name}`];
}
