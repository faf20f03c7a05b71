"use strict";
// Only keeps distances in time up to date; the page says everything without it.
(() => {
  const SIZES = { d: 864e5, h: 36e5, m: 6e4, s: 1e3 };
  // Up to how long, rounded to what, in which units: as the page's own words are.
  const STEPS = [[6e5, "s", "ms"], [1728e5, "m", "hm"], [864e6, "h", "dh"], [Infinity, "d", "d"]];
  const rough = (ms) => {
    const [, to, units] = STEPS.find((step) => ms < step[0]);
    let left = Math.floor(ms / SIZES[to] + 0.5) * SIZES[to];
    const told = left >= 1728e5 && units === "hm" ? "dh" : units;
    return [...told].flatMap((unit) => {
      const count = Math.floor(left / SIZES[unit]);
      left -= count * SIZES[unit];
      return count ? [`${count} ${unit}`] : [];
    }).join(" ");
  };
  const say = (ms) => (Math.abs(ms) < 1000 ? "now" : ms > 0 ? `in ${rough(ms)}` : `${rough(-ms)} ago`);
  const told = [...document.querySelectorAll("[data-at]")];
  const old = document.getElementById("old");
  const made = Number(old.dataset.made);
  const tick = () => {
    const now = Date.now();
    for (const element of told) {
      const words = say(Number(element.dataset.at) - now);
      if (element.textContent !== words) element.textContent = words;
    }
    old.hidden = now - made < 6e5;
  };
  tick();
  setInterval(tick, 1000);
})();
