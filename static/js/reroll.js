// The little that pages do by themselves; they work without it.
"use strict";

// "/" goes to the search, unless somebody is typing.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  event.preventDefault();
  const search = document.getElementById("search");
  search.focus();
  search.select();
});

// A sign-in link carries its token behind "#", which browsers send to nobody; it is put into the form and out of the address.
const takeToken = () => {
  const token = document.getElementById("token");
  const carried = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token || !carried) return;
  token.value = carried;
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("sign-in").focus();
};
takeToken();
addEventListener("hashchange", takeToken);

// The live log stays at its end unless somebody scrolled up to read.
const log = document.getElementById("live-log");
if (log) {
  const MOST = 400000;
  let follow = true;
  log.addEventListener("scroll", () => { follow = log.scrollTop + log.clientHeight > log.scrollHeight - 40; });
  new MutationObserver(() => {
    if (log.textContent.length > MOST) log.textContent = log.textContent.slice(-MOST / 2);
    if (follow) log.scrollTop = log.scrollHeight;
  }).observe(log, { childList: true });
}

// A table with more columns than fit begins where the revision is that the page is about.
for (const now of document.querySelectorAll(".many .now")) {
  const box = now.closest(".wide");
  box.scrollLeft += now.getBoundingClientRect().right - box.getBoundingClientRect().right;
}

// When the live view of a run ends there is more to show: the verdict, the results.
document.addEventListener("over", () => location.reload());
