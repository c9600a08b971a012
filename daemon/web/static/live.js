// Keeps a page fresh: asks for it again, puts the parts that changed in place, and lets ages grow in between.
// Without it every page can be read all the same.
"use strict";
(() => {
  const EVERY_MS = 3000;
  const LATE_MS = 30000;
  const told = document.getElementById("live");
  const asOfNow = () => document.getElementById("as-of");
  if (!told || !asOfNow()) return;
  let tag = "";
  let heard = Date.now();
  let asOf = Date.parse(asOfNow().dateTime);

  // As the server words it: whole seconds below a day, whole minutes from there on.
  const words = (lengthMs) => {
    let seconds = Math.floor(Math.max(0, lengthMs) / 1000);
    if (seconds === 0) return "under 1s";
    const days = Math.floor(seconds / 86400);
    const hours = Math.floor(seconds / 3600) % 24;
    const minutes = Math.floor(seconds / 60) % 60;
    seconds = days ? 0 : seconds % 60;
    return [[days, "d"], [hours, "h"], [minutes, "m"], [seconds, "s"]]
      .filter(([count]) => count).map(([count, unit]) => `${count}${unit}`).join(" ");
  };

  const grow = () => {
    const now = asOf + Date.now() - heard;
    for (const time of document.querySelectorAll("time[datetime]:not(#as-of)")) {
      const length = now - Date.parse(time.dateTime);
      const text = length >= 0 ? `${words(length)} ago` : `in ${words(-length)}`;
      if (time.textContent !== text) time.textContent = text;
    }
    const late = Date.now() - heard > LATE_MS;
    told.className = late ? "lost" : "";
    const text = late ? `no answer from Subtally for ${words(Date.now() - heard)}` : "live";
    if (told.textContent !== text) told.textContent = text;
  };

  // What somebody fills in, or has the focus in, stays as it is.
  const inUse = (part) =>
    part.contains(document.activeElement) && document.activeElement.matches("input, select, button") ||
    [...part.querySelectorAll("input")].some((field) => field.type !== "hidden" && field.value !== field.defaultValue);

  const replace = (fresh) => {
    const time = fresh.getElementById("as-of");
    const [iso, exact] = [time.dateTime, time.textContent];
    const focused = document.activeElement;
    const target = focused && focused.matches("a[href]") ? focused.getAttribute("href") : null;
    const place = focused && focused.closest("[data-live]");
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
      if (!next || inUse(part) || part.innerHTML === next.innerHTML) continue;
      part.replaceChildren(...next.childNodes);
      if (target && part === place) {
        const again = [...part.querySelectorAll("a[href]")].find((link) => link.getAttribute("href") === target);
        if (again) again.focus({ preventScroll: true });
      }
    }
    document.title = fresh.title;
    asOfNow().dateTime = iso;
    asOfNow().textContent = exact;
    asOf = Date.parse(iso);
  };

  const ask = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, {
        headers: tag ? { "If-None-Match": tag, Accept: "text/html" } : { Accept: "text/html" },
        cache: "no-store",
        credentials: "same-origin",
        signal: AbortSignal.timeout(10000),
      });
      if (answer.status === 304) {
        asOf += Date.now() - heard;
        heard = Date.now();
      } else if (answer.ok) {
        const text = await answer.text();
        tag = answer.headers.get("ETag") || "";
        heard = Date.now();
        replace(new DOMParser().parseFromString(text, "text/html"));
      }
    } catch {
      // Told by its age: the next try may succeed.
    }
    grow();
  };

  document.addEventListener("visibilitychange", ask);
  setInterval(ask, EVERY_MS);
  setInterval(grow, 1000);
  grow();
})();
