// Opens pages in Chromium and fails on anything a reader would stumble over.
//
//   node check.mjs WHERE [PAGE...] [--shots DIR] [--chromium FILE] [--cookie NAME=VALUE] [--only LIST]
//
// WHERE is the address of a running node (http://127.0.0.1:7001; then PAGE... are paths on it) or the
// folder that `cargo test --workspace --test portal` writes (then every page in its pages.json is
// checked, or those named). `--only axe,shots` runs some of the checks. The exit code is 1 if anything
// is wrong, and each finding is one line. Chromium must be installed; nothing is downloaded.

import { mkdirSync, readFileSync, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { join, normalize, sep } from "node:path";
import { parseArgs } from "node:util";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const WIDTHS = [320, 768, 1280];
const SCHEMES = ["light", "dark"];
const HEIGHT = 900;
const PAGE_BYTES_MAX = 100_000;
const TAB_STOPS_MAX = 300;
const TARGET_PX_MIN = 44;
const AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
// For a browser that starts and for a page that loads; either takes a second where the machine has time.
const WAIT_MS_MAX = 180_000;
const CHECKS = ["page", "axe", "keyboard", "shots"];

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shots: { type: "string" },
    chromium: { type: "string", default: process.env.CHROMIUM ?? "/usr/bin/chromium" },
    cookie: { type: "string", multiple: true, default: [] },
    only: { type: "string", default: CHECKS.join(",") },
  },
});
const [where, ...named] = positionals;
if (!where) {
  console.error("usage: node check.mjs WHERE [PAGE...] [--shots DIR] [--chromium FILE] [--cookie NAME=VALUE]");
  process.exit(2);
}
const only = new Set(options.only.split(","));
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const findings = [];
const site = /^https?:/.test(where) ? remote(where, named) : await gallery(where, named);
const browser = await chromium.launch({
  executablePath: options.chromium,
  timeout: WAIT_MS_MAX,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
try {
  for (const page of site.pages) await checkPage(page);
} finally {
  await browser.close();
  site.close();
}
for (const finding of findings) console.error(`WRONG  ${finding}`);
console.log(`${site.pages.length} pages, ${findings.length} findings`);
process.exit(findings.length === 0 ? 0 : 1);

// ---------------------------------------------------------------------------------------------------

function remote(base, paths) {
  const origin = new URL(base).origin;
  const pages = (paths.length ? paths : ["/"]).map((path) => ({ name: path, url: new URL(path, base).href }));
  return { origin, pages, close() {} };
}

// Serves a gallery on loopback as a node would, with the node's content security policy.
async function gallery(folder, names) {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://x").pathname));
    const file = join(folder, path);
    if (path.includes(`..${sep}`) || !existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end();
      return;
    }
    const types = { html: "text/html; charset=utf-8", css: "text/css; charset=utf-8", svg: "image/svg+xml" };
    response.writeHead(200, {
      "content-type": types[file.split(".").pop()] ?? "application/octet-stream",
      "content-security-policy": "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
    });
    response.end(readFileSync(file));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const all = names.length ? names : JSON.parse(readFileSync(join(folder, "pages.json"), "utf8"));
  return { origin, pages: all.map((name) => ({ name, url: `${origin}/${name}.html` })), close: () => server.close() };
}

async function checkPage(page) {
  for (const scheme of SCHEMES) {
    const context = await browser.newContext({ colorScheme: scheme, viewport: { width: 1280, height: HEIGHT } });
    await context.addCookies(options.cookie.map((pair) => {
      const at = pair.indexOf("=");
      return { name: pair.slice(0, at), value: pair.slice(at + 1), url: site.origin };
    }));
    context.setDefaultTimeout(WAIT_MS_MAX);
    const tab = await context.newPage();
    const say = (text) => findings.push(`${page.name} (${scheme}): ${text}`);
    tab.on("console", (message) => message.type() === "error" && say(`console: ${message.text()}`));
    tab.on("pageerror", (error) => say(`script: ${error.message}`));
    tab.on("request", (request) => {
      if (!request.url().startsWith(site.origin)) say(`asks for ${request.url()}, which is not ours`);
    });
    const answer = await tab.goto(page.url, { waitUntil: "load" });
    if (only.has("page") && scheme === "light") {
      const bytes = (await answer.body()).length;
      if (bytes >= PAGE_BYTES_MAX) say(`${bytes} bytes, the most is ${PAGE_BYTES_MAX}`);
      await landmarks(tab, say);
    }
    for (const width of WIDTHS) {
      await tab.setViewportSize({ width, height: HEIGHT });
      if (only.has("page")) await fits(tab, width, say);
      if (only.has("axe") && width !== 768) await axe(tab, width, say);
      if (only.has("keyboard") && scheme === "light" && width !== 768) await keyboard(tab, width, say);
      if (only.has("shots") && options.shots) {
        mkdirSync(options.shots, { recursive: true });
        const name = page.name.replace(/[^a-z0-9-]+/gi, "-").replace(/^-|-$/g, "") || "home";
        await tab.evaluate(() => { document.activeElement?.blur(); window.scrollTo(0, 0); });
        await tab.screenshot({ path: join(options.shots, `${name}.${width}.${scheme}.png`), fullPage: true });
      }
    }
    await context.close();
  }
}

async function landmarks(tab, say) {
  const counts = await tab.evaluate(() => ({
    h1: document.querySelectorAll("h1").length,
    main: document.querySelectorAll("main").length,
    lang: document.documentElement.lang,
    title: document.title,
    style: document.querySelectorAll("[style], style, script").length,
  }));
  if (counts.h1 !== 1) say(`${counts.h1} h1 elements`);
  if (counts.main !== 1) say(`${counts.main} main elements`);
  if (!counts.lang) say("no language is set");
  if (!counts.title) say("no title");
  if (counts.style) say(`${counts.style} scripts or styles of its own`);
}

// Nothing is wider than the window, and every control is large enough for a finger.
async function fits(tab, width, say) {
  const found = await tab.evaluate((least) => {
    const root = document.documentElement;
    const wide = root.scrollWidth > root.clientWidth
      ? [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1)
        .slice(0, 3).map((e) => e.outerHTML.slice(0, 90))
      : [];
    const small = [...document.querySelectorAll("button, input:not([type=hidden]), select, textarea, summary, nav a, .button, .actions a")]
      .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < least - 0.5)
      .map((e) => `${e.outerHTML.slice(0, 90)} is ${e.getBoundingClientRect().height}px high`);
    return { over: root.scrollWidth - root.clientWidth, wide, small };
  }, TARGET_PX_MIN);
  if (found.over > 0) say(`at ${width}px it is ${found.over}px too wide: ${found.wide.join(" | ")}`);
  for (const text of found.small) say(`at ${width}px a target is small: ${text}`);
}

async function axe(tab, width, say) {
  // Folded parts are read too: axe passes over what is not shown.
  await tab.evaluate(() => document.querySelectorAll("details").forEach((e) => { e.dataset.was = e.open; e.open = true; }));
  await tab.evaluate(axeSource);
  const result = await tab.evaluate((tags) => window.axe.run(document, { runOnly: tags }), AXE_TAGS);
  for (const violation of result.violations) {
    const nodes = violation.nodes.slice(0, 3).map((n) => `${n.target.join(" ")} ${n.any[0]?.message ?? ""}`).join(" | ");
    say(`axe at ${width}px: ${violation.id}: ${violation.help}: ${nodes}`);
  }
  await tab.evaluate(() => document.querySelectorAll("details").forEach((e) => { e.open = e.dataset.was === "true"; delete e.dataset.was; }));
}

// Tabs through the whole page: every stop shows its focus and lies in the window, and no stop holds us.
async function keyboard(tab, width, say) {
  await tab.evaluate(() => { document.activeElement?.blur(); window.scrollTo(0, 0); });
  let last = null;
  for (let stop = 0; stop < TAB_STOPS_MAX; stop += 1) {
    await tab.keyboard.press("Tab");
    const at = await tab.evaluate(() => {
      const e = document.activeElement;
      if (!e || e === document.body) return null;
      const box = e.getBoundingClientRect();
      const style = getComputedStyle(e);
      window.stops ??= new Map();
      if (!window.stops.has(e)) window.stops.set(e, window.stops.size);
      return {
        number: window.stops.get(e),
        html: e.outerHTML.slice(0, 100),
        outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
        seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
      };
    });
    if (at === null) return;
    if (at.number === last) { say(`at ${width}px the keyboard is held at ${at.html}`); return; }
    last = at.number;
    if (at.outline < 2) say(`at ${width}px focus is not visible at ${at.html}`);
    if (!at.seen) say(`at ${width}px the focused element is out of sight: ${at.html}`);
  }
  say(`at ${width}px more than ${TAB_STOPS_MAX} stops for the keyboard`);
}
