// Pages work without this: it only saves people from reloading while something is under way.
"use strict";

const live = document.querySelector("[data-live]");
if (live) {
  const timer = setInterval(async () => {
    try {
      const answer = await fetch(live.dataset.live, { credentials: "same-origin", redirect: "error" });
      if (!answer.ok) return;
      const text = await answer.text();
      const going = text.includes("data-live-on");
      if (!live.contains(document.activeElement)) live.innerHTML = text;
      if (!going) {
        clearInterval(timer);
        location.reload();
      }
    } catch {
      // The network is away: the next round tries again.
    }
  }, 2000);
}

const reload = document.querySelector("[data-reload]");
if (reload) setTimeout(() => location.reload(), 1000 * Number(reload.dataset.reload));

const faults = document.querySelector(".faults");
if (faults) faults.focus();
