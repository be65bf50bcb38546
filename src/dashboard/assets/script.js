// What pages gain with a script: news as it comes, keys, and buttons that call the API. Without it all of them can be read.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("script");
  const $ = (selector, within = document) => within.querySelector(selector);
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

  // What the server sent, for what the page is to be compared with when it is asked for again.
  const sent = (part) => part.outerHTML.replace(/ data-ago="">[^<]*/g, "");
  const served = new Map($$("[data-live]").map((part) => [part.id, sent(part)]));

  // -- Times: how long ago, kept fresh.
  const units = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];
  const length = (seconds) => {
    for (const [name, unit] of units) if (seconds >= unit) return Math.floor(seconds / unit) + name;
    return "0s";
  };
  const skew = (() => {
    // The server's clock counts; a page is some seconds old at most when it is shown.
    const latest = Math.max(0, ...$$("time[data-ago]").map((time) => Date.parse(time.dateTime)));
    return Math.max(0, latest - Date.now());
  })();
  const tick = () => {
    const now = Date.now() + skew;
    for (const time of $$("time[data-ago]")) {
      const passed = (now - Date.parse(time.dateTime)) / 1000;
      const told = passed < -1 ? `in ${length(-passed)}` : passed < 1 ? "now" : `${length(passed)} ago`;
      if (time.textContent !== told) time.textContent = told;
    }
  };
  setInterval(tick, 1000);

  // -- A word to the reader.
  const toast = $("#toast");
  let hiding;
  const say = (text) => {
    toast.textContent = text;
    toast.classList.add("shown");
    clearTimeout(hiding);
    hiding = setTimeout(() => toast.classList.remove("shown"), 6000);
  };
  const remembered = sessionStorage.getItem("say");
  if (remembered) {
    sessionStorage.removeItem("say");
    say(remembered);
  }

  // -- Colours: as the system has them, light, dark.
  const themes = ["", "light", "dark"];
  const turn = () => {
    const next = themes[(themes.indexOf(root.dataset.theme || "") + 1) % themes.length];
    if (next) root.dataset.theme = next;
    else delete root.dataset.theme;
    document.cookie = `theme=${next}; path=/; max-age=${next ? 31536000 : 0}; samesite=lax`;
    say(next ? `Colours: ${next}` : "Colours: as the system has them");
  };
  $("#theme")?.addEventListener("click", turn);

  // -- Actions.
  const busy = (button, is) => { button.disabled = is; };
  const post = async (path, button, done) => {
    busy(button, true);
    try {
      const response = await fetch(path, { method: "POST", headers: { accept: "application/json" } });
      const answer = await response.json().catch(() => ({}));
      if (response.status === 401) location.assign("/login");
      else say(response.ok ? done(answer) : answer.detail || `It was refused: ${response.status}`);
      if (response.ok) await refresh(true);
    } catch {
      say("logmend does not answer.");
    } finally {
      busy(button, false);
    }
  };
  const handling = { ignore: "It is ignored.", resolve: "It is resolved: when it comes back, it is a regression.", reopen: "It is open again." };
  const act = (button) => {
    const id = $("[data-error]")?.dataset.error;
    if (button.dataset.post) return post(button.dataset.post, button, () => button.dataset.done);
    if (button.dataset.do === "fix") {
      const began = (answer) => answer.not_started?.[0]?.reason || "A fix is being written.";
      return post(`/error-monitor/fixes/generate-for-error?error_id=${id}`, button, began);
    }
    return post(`/error-monitor/errors/${id}/${button.dataset.do}`, button, () => handling[button.dataset.do]);
  };
  const copy = async (button) => {
    const text = button.dataset.copy ?? button.closest("pre, details")?.querySelector("pre")?.innerText;
    try {
      await navigator.clipboard.writeText(text.trim());
      say("Copied.");
    } catch {
      say("The browser does not let it be copied.");
    }
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.do || button.dataset.post) act(button);
    else if (button.classList.contains("copy")) copy(button);
  });
  for (const block of $$(".guide details")) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "copy", textContent: "Copy" });
    button.append(Object.assign(document.createElement("span"), { className: "sr", textContent: ` the lines for ${$("summary", block).textContent}` }));
    $("summary", block).after(button);
  }

  // -- Filters take effect as they are chosen.
  const filters = $("#filters");
  filters?.addEventListener("change", (event) => {
    if (event.target.matches("select")) filters.requestSubmit();
  });
  // What is not asked for need not stand in the address.
  filters?.addEventListener("formdata", (event) => {
    for (const [key, value] of [...event.formData]) if (!value) event.formData.delete(key);
  });

  // -- News. The page is asked for again and what changed in it is taken over; a page that did not change answers 304.
  const swap = (old, now) => {
    if (served.get(now.id) === sent(now)) return;
    served.set(now.id, sent(now));
    if (old.contains(document.activeElement) && !old.matches("[data-swap]")) {
      const place = [document.activeElement.dataset.do, document.activeElement.dataset.id];
      old.replaceWith(now);
      if (place[0]) (now.querySelector(`[data-do="${place[0]}"]`) ?? now.querySelector("button"))?.focus();
    } else {
      const open = $$("details[open] > summary", old).map((summary) => summary.textContent);
      old.replaceWith(now);
      for (const summary of $$("details > summary", now)) if (open.includes(summary.textContent)) summary.parentElement.open = true;
    }
  };
  // Rows stay where they are: a row must not move away under somebody's pointer.
  const rows = (page) => {
    const [mine, theirs] = [$("#errors tbody"), $("#errors tbody", page)];
    if (!mine || !theirs) return mine !== theirs;
    const known = new Map($$("tr", mine).map((row) => [row.dataset.id, row]));
    let unseen = 0;
    for (const row of $$("tr", theirs)) {
      const shown = known.get(row.dataset.id);
      if (!shown) unseen += 1;
      else {
        let changed = false;
        [...row.cells].forEach((cell, at) => {
          const old = shown.cells[at];
          if (sent(old) === sent(cell) || old.contains(document.activeElement)) return;
          changed ||= cell.matches(".c-count, .c-status, .c-fix");
          old.innerHTML = cell.innerHTML;
          old.title = cell.title;
        });
        if (changed) {
          shown.classList.remove("fresh");
          void shown.offsetWidth;
          shown.classList.add("fresh");
        }
      }
    }
    const [news, first] = [$("#news"), !new URLSearchParams(location.search).has("cursor")];
    if (news && first && unseen) {
      news.hidden = false;
      $("button", news).textContent = unseen === 1 ? "1 new error – show it" : `${unseen} new errors – show them`;
    }
    return false;
  };
  // What is there at all: a fix that was begun is a part of the page that was not there before.
  const ids = (page) => $$("[data-live]", page).map((part) => part.id).filter((id) => id !== "degraded").join();
  $("#news button")?.addEventListener("click", () => location.reload());
  let asking = false;
  let again = false;
  const refresh = async (soon = false) => {
    if (asking) { again = true; return; }
    if (document.hidden && !soon) return;
    asking = true;
    try {
      const response = await fetch(location.href.split("#")[0], { headers: { accept: "text/html" } });
      if (response.redirected && new URL(response.url).pathname === "/login") return location.reload();
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      if (!response.ok) return state("offline", "the store does not answer");
      if ($("#page[data-swap]") && !$("#page[data-swap]", page)) return location.reload();
      if (rows(page) || ids(document) !== ids(page)) {
        if (toast.classList.contains("shown")) sessionStorage.setItem("say", toast.textContent);
        return location.reload();
      }
      for (const now of $$("[data-live]", page)) {
        const old = document.getElementById(now.id);
        if (old) swap(old, now);
        else if (now.id === "degraded") {
          served.set(now.id, sent(now));
          $("main").before(now);
        }
      }
      for (const old of $$("[data-live]")) if (old.id === "degraded" && !page.getElementById(old.id)) old.remove();
      tick();
    } catch {
      state("offline", "no answer");
    } finally {
      asking = false;
      if (again) { again = false; later(); }
    }
  };
  const light = $("#live");
  const state = (kind, told) => {
    if (!light || light.dataset.kind === kind) return;
    light.dataset.kind = kind;
    light.hidden = false;
    light.className = `live ${kind}`;
    $("span", light).textContent = told;
  };
  let waiting;
  const later = (delay = 700) => { waiting ??= setTimeout(() => { waiting = undefined; refresh(); }, delay); };
  let polling;
  const poll = (every) => {
    clearInterval(polling);
    polling = setInterval(refresh, every);
  };
  const EVENTS = ["ready", "cluster", "window", "fix", "reload"];
  let source;
  const listen = () => {
    source = new EventSource("/error-monitor/events");
    source.onopen = () => {
      state("on", "live");
      poll(30000);
    };
    for (const name of EVENTS) source.addEventListener(name, () => later());
    source.onerror = () => {
      state("polling", "looking every 5 s");
      poll(5000);
      if (source.readyState === EventSource.CLOSED) setTimeout(() => source.readyState === EventSource.CLOSED && !document.hidden && listen(), 30000);
    };
  };
  if (document.body.hasAttribute("data-live-page")) {
    listen();
    const often = $("[data-every]");
    if (often) setInterval(refresh, Number(often.dataset.every) * 1000);
    // A browser has six connections for all tabs of a site: one that nobody sees needs none.
    document.addEventListener("visibilitychange", () => {
      source.close();
      if (!document.hidden) listen();
    });
  }

  // -- Keys.
  const keys = $("#keys");
  $("#help")?.addEventListener("click", () => keys.showModal());
  const step = (by) => {
    const links = $$("tr a.open");
    if (!links.length) return;
    const at = links.indexOf(document.activeElement);
    const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by))];
    next.focus();
    next.closest("tr").scrollIntoView({ block: "nearest" });
  };
  const places = { e: "/", w: "/windows", f: "/fixes", p: "/pipeline", s: "/send-logs" };
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (typing) {
      if (event.key === "Escape") typing.blur();
      return;
    }
    if (keys.open) return;
    const went = Date.now() - going < 1200;
    going = 0;
    if (went && places[event.key]) return location.assign(places[event.key]);
    const button = $(`[data-key="${CSS.escape(event.key)}"]`);
    if (button) return button.click();
    const does = {
      j: () => step(1),
      k: () => step(-1),
      u: () => location.assign("/"),
      g: () => { going = Date.now(); },
      n: () => $("#news:not([hidden]) button")?.click(),
      t: turn,
      "?": () => keys.showModal(),
      "/": () => { const search = $("#q"); if (search) { search.focus(); search.select(); event.preventDefault(); } },
    }[event.key];
    does?.();
  });
})();
