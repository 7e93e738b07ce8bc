// Swaps pieces of the page as the node tells of them. Without it, the page is as it was when loaded.
"use strict";

(() => {
  const address = document.body.dataset.events;
  const status = document.getElementById("live");
  if (!address || !window.EventSource) return;

  // Who looks at a page in the background needs no news: one stream fewer for the node to feed.
  let stream = null;
  let again = null;
  const last = new Map();

  const say = (text) => {
    if (status.textContent !== text) status.textContent = text;
  };

  // A piece that has no place here is of a mesh of other nodes than there were.
  const loadAgain = () => {
    if (!again) again = setTimeout(() => location.reload(), 5000);
  };

  const swap = (event) => {
    const { id, html } = JSON.parse(event.data);
    const old = document.getElementById(id);
    if (!old) return loadAgain();
    if (last.get(id) === html) return;
    const focused = old.contains(document.activeElement)
      ? document.activeElement.getAttribute("href")
      : null;
    old.innerHTML = html;
    last.set(id, html);
    if (focused !== null) {
      for (const link of old.querySelectorAll("a[href]")) {
        if (link.getAttribute("href") === focused) link.focus({ preventScroll: true });
      }
    }
  };

  const open = () => {
    if (stream) return;
    stream = new EventSource(address);
    stream.addEventListener("open", () => say("live"));
    stream.addEventListener("piece", swap);
    stream.addEventListener("error", () => {
      const since = new Date().toLocaleTimeString();
      if (status.textContent === "live" || status.textContent === "") {
        say(`not live since ${since}: what stands here may be old`);
      }
    });
  };

  const close = () => {
    if (stream) stream.close();
    stream = null;
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  if (!document.hidden) open();
})();
