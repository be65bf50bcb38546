// Drives a real Chromium over the dashboard of a fresh service, as one reader would: from the empty page to an error with its fix.
// Usage: drive.js API_URL OTLP_HTTP_URL SCREENSHOTS. Ends with 1 and what was wrong, all of it, where something was.
"use strict";
const fs = require("fs");
const path = require("path");
const assert = require("assert/strict");
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [api, otlp, screenshots] = process.argv.slice(2);
const PATIENCE = 30000;
const faults = [];
// Words that a log line could hold to take effect; the page would have to change for any of them to.
const HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> \u202Egnp.exe\u202C \u001b[31mred\u001b[0m {{7*7}} ";

const traceback = (file, line, name, code, message) => `Traceback (most recent call last):
  File "/app/emit.py", line 61, in main
    charge(order)
  File "/usr/lib/python3.13/site-packages/opentelemetry/trace.py", line 12, in wrapper
    return function(*args)
  File "/usr/lib/python3.13/site-packages/tenacity/retry.py", line 40, in call
    return self(*args)
  File "${file}", line ${line}, in ${name}
    ${code}
${message}
`;
const attribute = ([key, value]) => ({ key, value: { stringValue: String(value) } });
const record = (body, { severity = 17, exception, trace, ...attributes } = {}) => ({
  timeUnixNano: String(BigInt(Date.now()) * 1000000n),
  severityNumber: severity,
  body: { stringValue: body },
  ...(trace ? { traceId: trace } : {}),
  attributes: [
    ...Object.entries(attributes),
    ...(exception ? [["exception.type", exception[0]], ["exception.message", exception[1]], ["exception.stacktrace", exception[2]]] : []),
  ].map(attribute),
});
const send = async (service, records) => {
  const resource = { attributes: Object.entries({ "service.name": service, "service.version": "3f2a1b9c", "deployment.environment.name": "production", "telemetry.sdk.language": "python" }).map(attribute) };
  const body = JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords: records }] }] });
  const response = await fetch(`${otlp}/v1/logs`, { method: "POST", headers: { "content-type": "application/json" }, body });
  assert.equal(response.status, 200, await response.text());
};
const json = async (route, method = "GET") => (await fetch(api + route, { method })).json();
const until = async (what, holds) => {
  const begun = Date.now();
  for (;;) {
    const found = await holds();
    if (found) return found;
    if (Date.now() - begun > PATIENCE) throw new Error(`${what}: not within ${PATIENCE / 1000} s`);
    await new Promise((later) => setTimeout(later, 50));
  }
};

// -- What every page has to bear.
let context;
const open = async (route) => {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on("console", (message) => { if (message.type() === "error") faults.push(`${page.url()}: the console: ${message.text()}`); });
  page.on("pageerror", (error) => faults.push(`${page.url()}: the script: ${error}`));
  page.on("request", (request) => { if (!request.url().startsWith(api) && !request.url().startsWith("data:")) faults.push(`${page.url()} asks ${request.url()}`); });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  });
  await page.goto(api + route);
  return page;
};
const judged = async (page, name, widths = [320]) => {
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width: 1440, height: 1000 });
    // Given to the engine and not to the page, whose policy would refuse it.
    await page.evaluate(`if (!window.axe) { ${axe} }`);
    // The other scheme differs in its colours alone.
    const rules = scheme === "light" ? ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] : ["color-contrast", "link-in-text-block"];
    const runOnly = { type: scheme === "light" ? "tag" : "rule", values: rules };
    const found = await page.evaluate((runOnly) => axe.run(document, { runOnly }), runOnly);
    for (const violation of found.violations) {
      const where = violation.nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary.replace(/\s+/g, " ")}`);
      faults.push(`${name} in ${scheme}: ${violation.id}: ${where.join(" | ")}`);
    }
    await page.screenshot({ path: path.join(screenshots, `${name}-${scheme}.png`), fullPage: true });
  }
  for (const width of widths) {
    await page.setViewportSize({ width, height: Math.round(width * 0.6) });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (over > 0) {
      const wide = await page.evaluate(() => [...document.querySelectorAll("main *, header *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".scroll, pre, .top nav")).slice(0, 4).map((one) => one.outerHTML.slice(0, 90)));
      faults.push(`${name} scrolls sideways by ${over} at ${width}: ${wide.join(" | ")}`);
    }
    await page.screenshot({ path: path.join(screenshots, `${name}-${width}.png`), fullPage: width < 3000 });
  }
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await page.setViewportSize({ width: 1440, height: 1000 });
};
const rows = (page) => page.locator("#errors tbody tr");

// -- The way of one reader.
const steps = {
  async "an empty page tells how to send logs, and turns live with the first record"() {
    const waiting = await open("/");
    const page = await open("/");
    assert.match(await page.locator("main").innerText(), /No errors yet/);
    const told = await page.locator(".guide").innerHTML();
    for (const name of ["Python", "Node.js", "Java", "Go", ".NET", "Rust", "Collector"]) assert.ok(told.includes(`<summary>${name}`), name);
    assert.ok(told.includes(`OTEL_EXPORTER_OTLP_ENDPOINT=${otlp}`), "the port of this process");
    await judged(page, "empty");
    await page.getByRole("button", { name: "Send a test record" }).click();
    await rows(page).first().waitFor();
    assert.match(await rows(page).first().innerText(), /logmend-test/);
    await waiting.bringToFront();
    await rows(waiting).first().waitFor();
    await waiting.close();
    await page.close();
  },

  async "errors are listed with all that is known at a glance"() {
    const code = 'return order["amount"] * 100';
    const failing = Array.from({ length: 12 }, (_, at) => record(`charge failed for order ${1000 + at}`, {
      exception: ["KeyError", "'amount'", traceback("/app/emit.py", 42, "charge", code, "KeyError: 'amount'")],
      trace: `4bf92f3577b34da6a3ce929d0e0e47${(10 + at).toString(16).padStart(2, "0")}`,
      "customer.tier": at % 3 ? "free" : "gold", "http.route": "/checkout", host: `web-${at % 2}`,
    }));
    await send("payments", failing);
    await send("orders", [record("FATAL: could not open relation mapping file: No space left on device", { severity: 21 })]);
    await send("search", Array.from({ length: 40 }, (_, at) => record(`429 Too Many Requests from provider after ${at} tries`, { severity: 13 })));
    await send("web", [record(HOSTILE + "connection refused", { "<b>key</b>": HOSTILE })]);
    await send("web", [record("upstream gave " + "x".repeat(1 << 20) + " timed out")]);
    const page = await open("/");
    await until("all errors are listed", async () => (await page.reload(), await rows(page).count()) >= 6);
    const told = await rows(page).filter({ hasText: "payments" }).innerText();
    for (const part of ["high", "KeyError", "12", "emit.py:42", "new"]) assert.ok(told.includes(part), `${part}: ${told}`);
    assert.ok((await page.locator("#errors var").count()) > 0, "what varies is marked");
    assert.ok((await page.locator("#errors svg.spark").count()) >= 6, "sparklines");
    await judged(page, "list", [320, 768, 3840]);
    await page.close();
  },

  async "filters and the search stand in the address"() {
    const page = await open("/");
    await page.getByLabel("Severity").selectOption("critical");
    await page.waitForURL(/\/\?severity=critical$/);
    assert.equal(await rows(page).count(), 1);
    await page.getByRole("link", { name: "Clear" }).click();
    await page.keyboard.press("/");
    await page.keyboard.type("keyerror");
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=keyerror/);
    assert.equal(await rows(page).count(), 1);
    await page.goto(`${api}/?q=nothing-is-like-this`);
    assert.match(await page.locator("main").innerText(), /No error is like that/);
    await judged(page, "nothing");
    await page.close();
  },

  async "news comes by itself and moves no row"() {
    const page = await open("/");
    await page.locator("#live:not([hidden])").waitFor();
    const first = await rows(page).first().getAttribute("data-id");
    const known = rows(page).filter({ hasText: "search" }).locator(".c-count");
    await send("search", [record("429 Too Many Requests from provider after 99 tries", { severity: 13 })]);
    await until("a count goes up", async () => /41/.test(await known.innerText()));
    assert.equal(await rows(page).first().getAttribute("data-id"), first, "no row moved");
    await send("billing", [record("deadlock detected while settling invoice 77")]);
    const news = page.locator("#news button");
    await news.waitFor();
    assert.match(await news.innerText(), /1 new error/);
    await page.screenshot({ path: path.join(screenshots, "news.png") });
    await page.keyboard.press("n");
    await rows(page).filter({ hasText: "billing" }).waitFor();
    await page.close();
  },

  async "keys lead through the list"() {
    const page = await open("/");
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("k");
    await page.keyboard.press("j");
    const id = await page.evaluate(() => document.activeElement.closest("tr").dataset.id);
    assert.equal(id, await rows(page).nth(1).getAttribute("data-id"));
    await page.screenshot({ path: path.join(screenshots, "keys-row.png") });
    await page.keyboard.press("?");
    await page.locator("dialog[open]").waitFor();
    await judged(page, "keys");
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "hidden" });
    await page.keyboard.press("Enter");
    await page.waitForURL(`${api}/errors/${id}`);
    await page.keyboard.press("u");
    await page.waitForURL(`${api}/`);
    await page.keyboard.press("g");
    await page.keyboard.press("p");
    await page.waitForURL(`${api}/pipeline`);
    await page.close();
  },

  async "an error shows why, what was done and what can be done"() {
    await json("/error-monitor/monitor/scan?auto_fix=true", "POST");
    const fix = await until("the fix stands", async () => (await json("/error-monitor/fixes/generated")).fixes.find((one) => one.status === "draft"));
    const page = await open(`/errors/${fix.error_pattern_id}`);
    const told = await page.locator("main").innerText();
    for (const part of ["KeyError", "charge", "in app", "Root cause", "order.get", "Why this class", "Why one error", "customer.tier", "4bf92f3577b34da6a3ce929d0e0e47", "Audit trail", "write fix", "draft"]) {
      assert.ok(told.toLowerCase().includes(part.toLowerCase()), `${part} is missing:\n${told}`);
    }
    assert.equal(await page.locator("#fix tr.add").count(), 1);
    assert.equal(await page.locator("#fix tr.del").count(), 1);
    assert.match(await page.locator("#fix a.pull").getAttribute("href"), /^http.*\/pull\/\d+$/);
    await judged(page, "detail", [320, 768, 3840]);
    await page.getByRole("button", { name: "Resolve" }).click();
    await page.locator(".st-fixed").waitFor();
    await page.getByRole("button", { name: "Reopen" }).click();
    await page.locator(".st-fix_proposed").waitFor();
    await page.keyboard.press("i");
    await page.locator(".st-ignored").waitFor();
    assert.match(await page.locator("#audit").innerText(), /ignore/);
    await page.goto(`${api}/`);
    assert.equal(await rows(page).filter({ hasText: "payments" }).count(), 0, "what is ignored is not open");
    await page.goto(`${api}/?status=ignored`);
    assert.equal(await rows(page).count(), 1);
    await page.close();
  },

  async "a fix can be asked for"() {
    const page = await open("/?q=deadlock");
    await rows(page).first().locator("a.open").click();
    await page.getByRole("button", { name: "Write a fix now" }).waitFor();
    await page.keyboard.press("f");
    await page.locator("#fix").waitFor();
    assert.equal(await page.getByRole("button", { name: "Write a fix now" }).count(), 0);
    await page.close();
  },

  async "hostile text is inert and bounded"() {
    for (const text of ["gnp.exe", "upstream gave"]) {
      const page = await open(`/?status=all&q=${encodeURIComponent(text)}`);
      const row = rows(page).first();
      await row.waitFor();
      assert.ok((await row.boundingBox()).height < 140, `${text} has a bound in the list`);
      await row.locator("a.open").click();
      await page.waitForURL(/\/errors\//);
      assert.ok((await page.content()).length < 150000, "the page is bounded");
      assert.doesNotMatch(await page.title(), /owned/);
      assert.equal(await page.locator("main img, main script, main b:text('key')").count(), 0, "no markup of a log");
      if (text === "gnp.exe") {
        const told = await page.locator("main").innerText();
        assert.ok(told.includes("<script>") || told.includes("<img"), told);
        assert.doesNotMatch(told, /[\u202a-\u202e\u2066-\u2069\u001b]/, "nothing turns the text around it");
        await judged(page, "hostile");
      }
      await page.close();
    }
  },

  async "the other pages"() {
    for (const [route, name, part] of [["/login", "login", /Token/], ["/windows", "windows", /fixes started/], ["/fixes", "fixes", /draft/], ["/pipeline", "pipeline", /Budgets left/], ["/send-logs", "send", /OTLP\/gRPC/], ["/errors/ffffffffffff", "not-found", /no error of this id/]]) {
      const shown = await (name === "not-found" ? openQuietly(route) : open(route));
      assert.match(await shown.locator("main").innerText(), part, name);
      await judged(shown, name);
      await shown.close();
    }
  },

  async "what is not as it should be is said on every page"() {
    const page = await open("/fixes");
    assert.equal(await page.locator("#degraded").count(), 0);
    await json("/error-monitor/monitor/stop", "POST");
    await page.reload();
    assert.match(await page.locator("#degraded").innerText(), /Monitor is paused/);
    await judged(page, "degraded");
    await page.goto(`${api}/pipeline`);
    await page.getByRole("button", { name: "Resume triage" }).click();
    await page.getByRole("button", { name: "Pause triage" }).waitFor();
    await page.locator("#degraded").waitFor({ state: "detached" });
    await page.close();
  },

  async "the colours are the reader's choice"() {
    const page = await open("/");
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.emulateMedia({ colorScheme: "light" });
    const light = await ground();
    await page.keyboard.press("t");
    await page.keyboard.press("t");
    const dark = await ground();
    assert.notEqual(dark, light);
    await page.reload();
    assert.equal(await ground(), dark, "kept");
    await page.keyboard.press("t");
    assert.equal(await ground(), light, "as the system has it");
    await page.close();
  },

  async "pages can be read without a script"() {
    const plain = await browser.newContext({ javaScriptEnabled: false });
    const page = await plain.newPage();
    await page.goto(`${api}/?status=all`);
    assert.ok((await rows(page).count()) >= 6);
    await page.getByRole("button", { name: "Apply" }).waitFor();
    await page.screenshot({ path: path.join(screenshots, "without-script.png") });
    await rows(page).filter({ hasText: "payments" }).locator("a.open").click();
    assert.match(await page.locator("main").innerText(), /Root cause/);
    assert.equal(await page.getByRole("button", { name: "Ignore" }).count(), 0, "no button that does nothing");
    await plain.close();
  },
};
// The browser itself tells the console of a 404.
const openQuietly = async (route) => {
  const page = await context.newPage();
  await page.goto(api + route);
  return page;
};

let browser;
(async () => {
  fs.mkdirSync(screenshots, { recursive: true });
  browser = await chromium.launch({ executablePath: process.env.LOGMEND_CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  context = await browser.newContext({ reducedMotion: "reduce", timezoneId: "UTC", locale: "en-GB" });
  const only = process.env.LOGMEND_STEPS;
  for (const [name, step] of Object.entries(steps)) {
    if (only && !name.match(only)) continue;
    const begun = Date.now();
    try {
      await step();
    } catch (error) {
      faults.push(`${name}: ${error.stack}`);
      for (const [at, page] of context.pages().entries()) {
        await page.screenshot({ path: path.join(screenshots, `failed-${at}.png`) }).catch(() => {});
        await page.close().catch(() => {});
      }
    }
    console.log(`${((Date.now() - begun) / 1000).toFixed(1)} s  ${name}`);
  }
  await browser.close();
  for (const fault of new Set(faults)) console.log(`FAULT ${fault}`);
  process.exit(faults.length ? 1 : 0);
})();
